"""`Pause`: holds an invocation that runs or backs off, until somebody resumes it."""

from __future__ import annotations

from odradek_engine.model.commands import Pause
from odradek_engine.model.events import TimerCleared
from odradek_engine.model.outcomes import Appended, Done, NotRunning
from odradek_engine.model.rows import Phase, Timer, TimerKind
from odradek_engine.partition.decide import failing
from odradek_engine.partition.decide.completing import end_attempt
from odradek_engine.partition.decide.decision import Decision
from odradek_engine.partition.decide.finding import find_unfinished


def decide(d: Decision, command: Pause) -> None:
    """Its attempt is broken off, a step that was under way runs again later. A suspended one stays suspended."""
    found = find_unfinished(d, command.invocation, NotRunning)
    if found is None:
        return
    _, status = found
    if status.phase in (Phase.SCHEDULED, Phase.INBOXED):
        d.answer(NotRunning(command.invocation))
        return
    if status.phase is not Phase.INVOKED:
        d.answer(Done())
        return
    if status.retry is not None and status.retry.next_retry_at is not None:
        d.emit(TimerCleared(Timer(status.retry.next_retry_at, TimerKind.RETRY, command.invocation, status.attempt)))
    else:
        end_attempt(d, command.invocation, status)
    failing.pause(d, command.invocation, status, None)
    d.answer(Appended())
