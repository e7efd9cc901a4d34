"""What follows a failed attempt: another one later, a pause, or the end, as the retry policy says.

Source: Restate's retry semantics. Attempts that failed with a delay of their own (`next_retry_delay`) are not
counted by the policy.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from odradek.protocol.manifest import OnMaxAttempts
from odradek.protocol.messages import ErrorBehavior, Failure
from odradek_engine.model.effects import EndAttempt
from odradek_engine.model.events import ErrorRecorded, StatusChanged
from odradek_engine.model.registry import RetryPolicy
from odradek_engine.model.rows import (
    AttemptFailure,
    ErrorEvent,
    Invocation,
    Phase,
    Result,
    Retry,
    Status,
    Timer,
    TimerKind,
)
from odradek_engine.partition.decide.completing import complete
from odradek_engine.partition.decide.decision import Decision
from odradek_engine.partition.decide.starting import set_timer

JITTER: Final = 0.3
"""A delay is stretched by up to this part of itself, so that what failed together does not come back together."""
ERROR_EVENTS_MAX: Final = 100
"""So many error events are kept for an invocation; later ones replace the last."""


def fail_attempt(
    d: Decision,
    invocation: Invocation,
    status: Status,
    failure: AttemptFailure,
    behavior: ErrorBehavior = ErrorBehavior.RETRY,
    delay: int | None = None,
) -> None:
    """Ends the current attempt with a failure. `delay` (ms): the handler's own wish for the next attempt."""
    record_error(d, invocation.id, ErrorEvent("TransientError", _last_index(d, invocation.id), d.now, failure))
    d.effect(EndAttempt(invocation.id, status.attempt))
    policy = retry_policy(d, invocation)
    past = status.retry
    counted = (past.counted if past else 0) + (1 if delay is None else 0)
    exhausted = delay is None and policy.max_attempts is not None and counted >= policy.max_attempts
    if behavior is ErrorBehavior.FAIL or (exhausted and policy.on_max_attempts is OnMaxAttempts.KILL):
        code = failure.code if behavior is ErrorBehavior.FAIL else 500
        complete(d, invocation, status, Result(failure=Failure(code, failure.message), stacktrace=failure.stacktrace))
        return
    if behavior is ErrorBehavior.PAUSE or exhausted:
        pause(d, invocation.id, status, failure)
        return
    if delay is None:
        delay = _delay(d, policy, counted)
    attempt = status.attempt + 1
    retry = Retry(
        count=(past.count if past else 0) + 1,
        counted=counted,
        since_stored_entry=(past.since_stored_entry if past else 0) + 1,
        last_failure=failure,
        next_retry_at=d.now + delay,
    )
    d.emit(StatusChanged(invocation.id, replace(status, modified_at=d.now, attempt=attempt, retry=retry)))
    set_timer(d, Timer(d.now + delay, TimerKind.RETRY, invocation.id, attempt))


def pause(d: Decision, invocation_id: bytes, status: Status, failure: AttemptFailure | None) -> None:
    """Holds an invocation until somebody resumes it; its object's lock stays with it."""
    record_error(d, invocation_id, ErrorEvent("Paused", _last_index(d, invocation_id), d.now, failure))
    d.emit(
        StatusChanged(invocation_id, replace(status, modified_at=d.now, phase=Phase.PAUSED, retry=None, awaiting=None))
    )


def retry_policy(d: Decision, invocation: Invocation) -> RetryPolicy:
    """The handler's policy as registered now."""
    handler = d.schema.handler(invocation.target.service, invocation.target.handler)
    return d.surroundings.default_retry if handler is None else handler.retry


def record_error(d: Decision, invocation_id: bytes, event: ErrorEvent) -> None:
    """Keeps an error event, unless it repeats the one before it."""
    known = d.tables.errors.rows(invocation_id)
    if known:
        last = known[-1][1]
        if event.failure is not None and (last.kind, last.failure) == (event.kind, event.failure):
            return
    number = min(len(known), ERROR_EVENTS_MAX - 1)
    d.emit(ErrorRecorded(invocation_id, number, event))


def _last_index(d: Decision, invocation_id: bytes) -> int:
    return d.tables.journal_summary(invocation_id).next_index - 1


def _delay(d: Decision, policy: RetryPolicy, counted: int) -> int:
    """Exponential back-off in ms with jitter."""
    base = policy.initial_interval * policy.exponentiation_factor ** min(counted - 1, 64)
    base = min(base, float(policy.max_interval))
    share = int.from_bytes(d.surroundings.random_bytes(2), "big") / 65535
    return int(base * (1 + JITTER * share))
