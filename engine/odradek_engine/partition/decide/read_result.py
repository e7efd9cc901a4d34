"""`Attach`, `ReadOutput` and `Detach`: an invocation's result, waited for, as it is, or not waited for any more."""

from __future__ import annotations

from odradek_engine.model.commands import Attach, Detach, ReadOutput
from odradek_engine.model.effects import DropWaiter
from odradek_engine.model.outcomes import Ended, NotCompleted, NotFound
from odradek_engine.partition.decide.decision import Decision


def decide_attach(d: Decision, command: Attach) -> None:
    """Waits while it runs."""
    if not _answer_finished(d, command.invocation):
        d.await_result(command.invocation)


def decide_output(d: Decision, command: ReadOutput) -> None:
    """Never waits."""
    if not _answer_finished(d, command.invocation):
        d.answer(NotCompleted(command.invocation))


def decide_detach(d: Decision, command: Detach) -> None:
    """Changes nothing of the invocation."""
    d.effect(DropWaiter(command.invocation))


def _answer_finished(d: Decision, invocation: bytes) -> bool:
    """Answers, unless the invocation is still under way."""
    completion = d.tables.completions.get(invocation)
    if completion is not None:
        known = d.tables.invocations.get(invocation)
        target = None if known is None else known.target
        d.answer(Ended(invocation, completion.result, completion.expires_at, target))
        return True
    if d.tables.statuses.get(invocation) is None:
        d.answer(NotFound(invocation))
        return True
    return False
