"""The end of what is kept: finished invocations, and with a workflow's run its state and promises."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from odradek_engine.model.events import InvocationForgotten, JournalForgotten, PromisesForgotten, StateChanged
from odradek_engine.model.rows import Completion
from odradek_engine.model.target import Target
from odradek_engine.partition import keys
from odradek_engine.partition.decide.decision import Decision
from odradek_engine.partition.tables import RETAINED_BYTES

ROW_BYTES: Final = 600
"""What the rows of a finished invocation weigh beside its journal and result, about."""


def forget_finished(d: Decision, invocation_id: bytes, completion: Completion) -> None:
    """Removes everything that was kept of a finished invocation."""
    if completion.workflow:
        invocation = d.tables.invocation(invocation_id)
        forget_workflow(d, invocation.target)
    forget(d, invocation_id)


def forget_workflow(d: Decision, target: Target) -> None:
    """Removes a workflow's state and completed promises; who awaits an open one goes on waiting for the next run."""
    group = keys.object_key(target.service, target.key)
    state = d.tables.state.rows(group)
    if state:
        d.emit(StateChanged(target.service, target.key, {name: None for name, _ in state}))
    completed = tuple(name.decode() for name, promise in d.tables.promises.rows(group) if promise.result is not None)
    if completed:
        d.emit(PromisesForgotten(target.service, target.key, completed))


def workflow_bytes(d: Decision, target: Target) -> int:
    """What a workflow's state and promises take, about."""
    group = keys.object_key(target.service, target.key)
    size = sum(len(name) + len(value) for name, value in d.tables.state.rows(group))
    for name, promise in d.tables.promises.rows(group):
        size += len(name) + len((promise.result.value if promise.result else None) or b"")
    return size


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
    if completion.workflow:
        invocation = d.tables.invocation(invocation_id)
        size += workflow_bytes(d, invocation.target)
    total = (d.tables.counters.get(RETAINED_BYTES) or 0) - completion.retained_bytes + size
    kept = replace(completion, journal_expires_at=completion.expires_at, retained_bytes=size, journal_kept=False)
    errors = len(d.tables.errors.rows(invocation_id))
    d.emit(JournalForgotten(invocation_id, _chunks(d, invocation_id), errors, kept, expiry(completion), max(0, total)))


def expiry(completion: Completion) -> int:
    """Where a finished invocation stands among those that expire."""
    return completion.journal_expires_at


def _chunks(d: Decision, invocation_id: bytes) -> tuple[int, ...]:
    return tuple(int.from_bytes(key, "big") for key, _ in d.tables.journal.rows(invocation_id))
