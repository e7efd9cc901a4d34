"""`Resume`: starts a paused, suspended or backing-off invocation now."""

from __future__ import annotations

from odradek_engine.model.commands import Resume
from odradek_engine.model.events import TimerCleared
from odradek_engine.model.outcomes import AlreadyCompleted, Done, NotFound, NotStarted
from odradek_engine.model.rows import Phase, Timer, TimerKind
from odradek_engine.partition.decide.decision import Decision
from odradek_engine.partition.decide.starting import start_again


def decide(d: Decision, command: Resume) -> None:
    """A running one is left alone."""
    status = d.tables.statuses.get(command.invocation)
    if status is None:
        finished = d.tables.completions.get(command.invocation) is not None
        d.answer((AlreadyCompleted if finished else NotFound)(command.invocation))
        return
    if status.phase in (Phase.SCHEDULED, Phase.INBOXED):
        d.answer(NotStarted(command.invocation))
        return
    d.answer(Done())
    if status.phase is Phase.INVOKED:
        if status.retry is None or status.retry.next_retry_at is None:
            return
        d.emit(TimerCleared(Timer(status.retry.next_retry_at, TimerKind.RETRY, command.invocation, status.attempt)))
    invocation = d.tables.invocations.get(command.invocation)
    assert invocation is not None
    start_again(d, invocation, status)
