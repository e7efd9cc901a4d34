"""`FailAttempt`: an attempt broke off without a word of its handler."""

from __future__ import annotations

from odradek_engine.model.commands import FailAttempt
from odradek_engine.model.rows import Phase
from odradek_engine.partition.decide import failing
from odradek_engine.partition.decide.decision import Decision


def decide(d: Decision, command: FailAttempt) -> None:
    """Counts only for the current attempt."""
    status = d.tables.statuses.get(command.invocation)
    if status is None or status.phase is not Phase.INVOKED or status.attempt != command.attempt:
        return
    invocation = d.tables.invocations.get(command.invocation)
    assert invocation is not None
    failing.fail_attempt(d, invocation, status, command.failure, command.behavior, command.delay)
