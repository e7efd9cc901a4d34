"""`FailAttempt`: an attempt broke off without a word of its handler."""

from __future__ import annotations

from odradek_engine.model.commands import FailAttempt
from odradek_engine.partition.decide import failing
from odradek_engine.partition.decide.decision import Decision
from odradek_engine.partition.decide.finding import find_attempt


def decide(d: Decision, command: FailAttempt) -> None:
    """Counts only for the current attempt."""
    found = find_attempt(d, command.invocation, command.attempt)
    if found is None:
        return
    invocation, status = found
    failing.fail_attempt(d, invocation, status, command.failure, command.behavior, command.delay)
