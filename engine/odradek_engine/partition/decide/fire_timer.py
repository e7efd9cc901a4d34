"""`FireTimer`: a durable timer is due."""

from __future__ import annotations

from msgspec.structs import replace

from odradek.protocol.messages import SleepCompletion
from odradek_engine.model.commands import FireTimer
from odradek_engine.model.effects import ArmTimer
from odradek_engine.model.events import StatusChanged, TimerCleared
from odradek_engine.model.rows import Phase, Status, Timer, TimerKind
from odradek_engine.partition import keys
from odradek_engine.partition.decide.decision import Decision
from odradek_engine.partition.decide.notifying import notify
from odradek_engine.partition.decide.starting import admit, on_deployment, start_attempt


def decide(d: Decision, command: FireTimer) -> None:
    """Takes effect once, and never before its time by the wall clock."""
    timer = command.timer
    if timer.due_at > d.now:
        d.effect(ArmTimer(timer))
        return
    if d.tables.timers.get(keys.timer_key(timer)) is None:
        return
    d.emit(TimerCleared(timer))
    status = d.tables.statuses.get(timer.invocation)
    if status is None:
        return
    match timer.kind:
        case TimerKind.START:
            _start(d, timer, status)
        case TimerKind.SLEEP:
            notify(d, timer.invocation, status, SleepCompletion(timer.number))
        case TimerKind.RETRY:
            _retry(d, timer, status)


def _start(d: Decision, timer: Timer, status: Status) -> None:
    invocation = d.tables.invocation(timer.invocation)
    admit(d, invocation, status)


def _retry(d: Decision, timer: Timer, status: Status) -> None:
    if status.phase is not Phase.INVOKED or status.attempt != timer.number or status.retry is None:
        return
    invocation = d.tables.invocation(timer.invocation)
    running = replace(
        on_deployment(d, invocation, status),
        modified_at=d.now,
        retry=replace(status.retry, next_retry_at=None),
        started_at=d.now,
    )
    d.emit(StatusChanged(timer.invocation, running))
    start_attempt(d, invocation, running)
