"""The end of an invocation: its result to all who wait, its lock to the next, itself kept for its retention."""

from __future__ import annotations

from msgspec.structs import replace

from odradek.protocol.messages import CallCompletion, Failure, GetPromiseCommand, SleepCommand
from odradek_engine.model.commands import CompleteCall
from odradek_engine.model.effects import EndAttempt, InvocationEnded
from odradek_engine.model.events import (
    CallerAttached,
    CallersAnswered,
    InvocationCompleted,
    PromiseLeft,
    StatusChanged,
    TimerCleared,
)
from odradek_engine.model.rows import Caller, Completion, Invocation, Result, Status, Timer, TimerKind
from odradek_engine.model.target import Target, TargetKind
from odradek_engine.partition import keys
from odradek_engine.partition.decide.decision import Decision
from odradek_engine.partition.decide.forgetting import (
    ROW_BYTES,
    forget,
    forget_journal,
    forget_workflow,
    workflow_bytes,
)
from odradek_engine.partition.decide.starting import release_lock
from odradek_engine.partition.tables import RETAINED_BYTES


def complete(d: Decision, invocation: Invocation, status: Status, result: Result) -> None:
    """Ends an invocation that has begun to run."""
    _stop_waiting(d, invocation, status)
    if invocation.completion_retention > 0:
        _keep(d, invocation, status, result)
    else:
        forget(d, invocation.id)
        if invocation.target.kind is TargetKind.WORKFLOW_RUN:
            forget_workflow(d, invocation.target)
    answer_callers(d, invocation, status, result)
    d.effect(InvocationEnded(invocation.id, result, invocation.target))
    release_lock(d, invocation)


def drop(d: Decision, invocation: Invocation, status: Status, failure: Failure) -> None:
    """Ends an invocation that never began: nothing of it is kept."""
    result = Result(failure=failure)
    forget(d, invocation.id)
    answer_callers(d, invocation, status, result)
    d.effect(InvocationEnded(invocation.id, result, invocation.target))


def end_attempt(d: Decision, invocation: bytes, status: Status) -> None:
    """The handler must not go on."""
    d.effect(EndAttempt(invocation, status.attempt))


def _keep(d: Decision, invocation: Invocation, status: Status, result: Result) -> None:
    workflow = invocation.target.kind is TargetKind.WORKFLOW_RUN
    size = d.tables.journal_summary(invocation.id).payload_bytes + len(result.value or b"") + ROW_BYTES
    if workflow:
        size += workflow_bytes(d, invocation.target)
    completion = Completion(
        result,
        completed_at=d.now,
        expires_at=d.now + invocation.completion_retention,
        journal_expires_at=d.now + min(invocation.completion_retention, invocation.journal_retention),
        retained_bytes=size,
        inboxed_at=status.inboxed_at,
        scheduled_at=status.scheduled_at,
        running_at=status.running_at,
        workflow=workflow,
        deployment=status.deployment if status.pinned else "",
        protocol_version=status.protocol_version if status.pinned else 0,
    )
    total = (d.tables.counters.get(RETAINED_BYTES) or 0) + size
    d.emit(InvocationCompleted(invocation.id, completion, total))
    if invocation.journal_retention == 0:
        forget_journal(d, invocation.id, completion)


def attach_caller(d: Decision, invocation_id: bytes, status: Status, caller: Caller) -> None:
    """A further handler gets the result of an invocation that is under way."""
    d.emit(CallerAttached(invocation_id, caller.invocation, caller.completion_id))
    d.emit(StatusChanged(invocation_id, replace(status, attached=True)))


def answer_callers(d: Decision, invocation: Invocation, status: Status, result: Result) -> None:
    """Sends the result to every handler that waits for it."""
    if invocation.caller is not None:
        answer_caller(d, invocation.caller, invocation.id, result)
    if not status.attached:
        return
    callers = [caller for _, caller in d.tables.callers.rows(invocation.id)]
    for caller in callers:
        answer_caller(d, caller, invocation.id, result)
    d.emit(CallersAnswered(invocation.id, tuple((caller.invocation, caller.completion_id) for caller in callers)))


def answer_caller(d: Decision, caller: Caller, callee: bytes, result: Result) -> None:
    """Sends an invocation's result to one caller."""
    completion = CallCompletion(caller.completion_id, result.value, result.failure)
    d.send(caller.invocation, CompleteCall(caller.invocation, completion, callee))


def _stop_waiting(d: Decision, invocation: Invocation, status: Status) -> None:
    """Takes back timers and waits for promises: nobody is there any more whom they would reach."""
    if status.retry is not None and status.retry.next_retry_at is not None:
        d.emit(TimerCleared(Timer(status.retry.next_retry_at, TimerKind.RETRY, invocation.id, status.attempt)))
    for completion_id, command in d.tables.journal_summary(invocation.id).open.items():
        if isinstance(command, SleepCommand):
            d.emit(TimerCleared(Timer(command.wake_up_time, TimerKind.SLEEP, invocation.id, completion_id)))
        elif isinstance(command, GetPromiseCommand):
            _leave_promise(d, invocation.target, command.key, Caller(invocation.id, completion_id))


def _leave_promise(d: Decision, target: Target, name: str, waiter: Caller) -> None:
    """An invocation waits no more for an open promise."""
    waiters = d.tables.waiters.rows(keys.promise_key(target.service, target.key, name))
    d.emit(PromiseLeft(target.service, target.key, name, waiter, last=len(waiters) == 1))
