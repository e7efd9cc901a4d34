"""The end of an invocation: its result to all who wait, its lock to the next, itself kept for its retention."""

from __future__ import annotations

from odradek.protocol.messages import CallCompletion, Failure, SleepCommand
from odradek_engine.model.commands import CompleteCall
from odradek_engine.model.effects import EndAttempt, InvocationEnded
from odradek_engine.model.events import (
    CallersAnswered,
    InvocationCompleted,
    InvocationForgotten,
    JournalForgotten,
    TimerCleared,
)
from odradek_engine.model.rows import Caller, Completion, Invocation, Result, Status, Timer, TimerKind
from odradek_engine.partition.decide.decision import Decision
from odradek_engine.partition.decide.starting import release_lock
from odradek_engine.partition.tables import RETAINED_BYTES

ROW_BYTES = 600
"""What the rows of a finished invocation weigh beside its journal and result, about."""


def complete(d: Decision, invocation: Invocation, status: Status, result: Result) -> None:
    """Ends an invocation that has begun to run."""
    _clear_timers(d, invocation.id, status)
    keep = retention(invocation)
    if keep > 0:
        _keep(d, invocation, status, result, keep)
    else:
        forget(d, invocation.id)
    answer_callers(d, invocation, status, result)
    d.effect(InvocationEnded(invocation.id, result))
    release_lock(d, invocation)


def drop(d: Decision, invocation: Invocation, status: Status, failure: Failure) -> None:
    """Ends an invocation that never began: nothing of it is kept."""
    result = Result(failure=failure)
    forget(d, invocation.id)
    answer_callers(d, invocation, status, result)
    d.effect(InvocationEnded(invocation.id, result))


def end_attempt(d: Decision, invocation: bytes, status: Status) -> None:
    """The handler must not go on."""
    d.effect(EndAttempt(invocation, status.attempt))


def retention(invocation: Invocation) -> int:
    """How long the result is kept, in ms."""
    if invocation.idempotency_key is not None:
        return invocation.completion_retention
    return invocation.journal_retention


def _keep(d: Decision, invocation: Invocation, status: Status, result: Result, keep: int) -> None:
    size = d.tables.journal_summary(invocation.id).payload_bytes + len(result.value or b"") + ROW_BYTES
    completion = Completion(
        result,
        completed_at=d.now,
        expires_at=d.now + keep,
        journal_expires_at=d.now + min(keep, invocation.journal_retention),
        retained_bytes=size,
        inboxed_at=status.inboxed_at,
        scheduled_at=status.scheduled_at,
        running_at=status.running_at,
    )
    total = (d.tables.counters.get(RETAINED_BYTES) or 0) + size
    d.emit(InvocationCompleted(invocation.id, completion, total))


def answer_callers(d: Decision, invocation: Invocation, status: Status, result: Result) -> None:
    """Sends the result to every handler that waits for it."""
    if invocation.caller is not None:
        answer_caller(d, invocation.caller, result)
    if not status.attached:
        return
    callers = [caller for _, caller in d.tables.callers.rows(invocation.id)]
    for caller in callers:
        answer_caller(d, caller, result)
    d.emit(CallersAnswered(invocation.id, tuple((caller.invocation, caller.completion_id) for caller in callers)))


def answer_caller(d: Decision, caller: Caller, result: Result) -> None:
    """Sends a result to one caller."""
    completion = CallCompletion(caller.completion_id, result.value, result.failure)
    d.send(caller.invocation, CompleteCall(caller.invocation, completion))


def _clear_timers(d: Decision, invocation_id: bytes, status: Status) -> None:
    if status.retry is not None and status.retry.next_retry_at is not None:
        d.emit(TimerCleared(Timer(status.retry.next_retry_at, TimerKind.RETRY, invocation_id, status.attempt)))
    for completion_id, command in d.tables.journal_summary(invocation_id).open.items():
        if isinstance(command, SleepCommand):
            d.emit(TimerCleared(Timer(command.wake_up_time, TimerKind.SLEEP, invocation_id, completion_id)))


def forget(d: Decision, invocation_id: bytes) -> None:
    """Removes every row of an invocation."""
    completion = d.tables.completions.get(invocation_id)
    total = d.tables.counters.get(RETAINED_BYTES) or 0
    d.emit(
        InvocationForgotten(
            invocation_id,
            _chunks(d, invocation_id),
            len(d.tables.errors.rows(invocation_id)),
            None if completion is None else expiry(completion),
            total if completion is None else max(0, total - completion.retained_bytes),
        )
    )


def forget_journal(d: Decision, invocation_id: bytes, completion: Completion) -> None:
    """Removes the journal of a finished invocation and keeps its result."""
    size = len(completion.result.value or b"") + ROW_BYTES
    total = (d.tables.counters.get(RETAINED_BYTES) or 0) - completion.retained_bytes + size
    kept = Completion(
        completion.result,
        completion.completed_at,
        completion.expires_at,
        completion.expires_at,
        size,
        completion.inboxed_at,
        completion.scheduled_at,
        completion.running_at,
        journal_kept=False,
    )
    errors = len(d.tables.errors.rows(invocation_id))
    d.emit(JournalForgotten(invocation_id, _chunks(d, invocation_id), errors, kept, expiry(completion), max(0, total)))


def expiry(completion: Completion) -> int:
    """Where a finished invocation stands among those that expire."""
    return completion.journal_expires_at


def _chunks(d: Decision, invocation_id: bytes) -> tuple[int, ...]:
    return tuple(int.from_bytes(key, "big") for key, _ in d.tables.journal.rows(invocation_id))
