"""`Cancel`: asks a running invocation to end, ends one that has not begun."""

from __future__ import annotations

from typing import Final

from odradek.protocol.messages import CANCEL_SIGNAL, Failure, SignalNotification
from odradek_engine.model.commands import Cancel
from odradek_engine.model.events import InboxRemoved, TimerCleared
from odradek_engine.model.outcomes import Appended, Done
from odradek_engine.model.rows import Invocation, Phase, Status, Timer, TimerKind
from odradek_engine.partition.decide.completing import drop
from odradek_engine.partition.decide.decision import Decision
from odradek_engine.partition.decide.finding import find_unfinished
from odradek_engine.partition.decide.notifying import notify
from odradek_engine.partition.decide.starting import start_again

CANCELED: Final = Failure(409, "canceled")


def decide(d: Decision, command: Cancel) -> None:
    """The handler sees a terminal error at its next await and may undo what it did."""
    found = find_unfinished(d, command.invocation)
    if found is None:
        return
    invocation, status = found
    if status.phase in (Phase.SCHEDULED, Phase.INBOXED):
        drop_waiting(d, invocation, status, CANCELED)
        d.answer(Done())
        return
    notify(d, command.invocation, status, SignalNotification(CANCEL_SIGNAL))
    if status.phase is Phase.PAUSED:
        start_again(d, invocation, status)
    d.answer(Appended())


def drop_waiting(d: Decision, invocation: Invocation, status: Status, failure: Failure) -> None:
    """Ends an invocation that waits for its time or its object."""
    if status.phase is Phase.SCHEDULED:
        d.emit(TimerCleared(Timer(invocation.execution_time, TimerKind.START, invocation.id)))
    else:
        target = invocation.target
        d.emit(InboxRemoved(target.service, target.key, status.inbox_sequence))
    drop(d, invocation, status, failure)
