"""`Attach` and `ReadOutput`: an invocation's result, waited for or as it is."""

from __future__ import annotations

from odradek_engine.model.commands import Attach, ReadOutput
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
