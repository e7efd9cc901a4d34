"""How an invocation comes to run: created, scheduled, inboxed behind its object's lock, started."""

from __future__ import annotations

from msgspec.structs import replace

from odradek.protocol.messages import Entry, InputCommand
from odradek_engine.model.effects import ArmTimer, StartAttempt
from odradek_engine.model.events import (
    InboxPushed,
    InboxRemoved,
    InvocationCreated,
    LockChanged,
    StatusChanged,
    TimerSet,
)
from odradek_engine.model.registry import HandlerSchema
from odradek_engine.model.rows import InboxEntry, Invocation, Lock, Phase, Status, Timer, TimerKind
from odradek_engine.model.target import TargetKind
from odradek_engine.partition import keys
from odradek_engine.partition.decide.decision import Decision
from odradek_engine.partition.decide.edit_state import replace_state


def create(d: Decision, invocation: Invocation, entry: InputCommand) -> None:
    """A new invocation: scheduled, or admitted at once."""
    past = _attempts_before(d, invocation)
    if invocation.execution_time > d.now:
        status = Status(Phase.SCHEDULED, d.now, past, scheduled_at=d.now)
        d.emit(InvocationCreated(invocation, status, (entry,)))
        set_timer(d, Timer(invocation.execution_time, TimerKind.START, invocation.id))
        return
    create_now(d, invocation, Status(Phase.INVOKED, d.now, past), (entry,))


def create_now(d: Decision, invocation: Invocation, status: Status, entries: tuple[Entry, ...]) -> None:
    """A new invocation, admitted at once, whose journal begins with `entries`."""
    status = _take_turn(d, invocation, status)
    d.emit(InvocationCreated(invocation, status, entries))
    if status.phase is Phase.INVOKED:
        start_attempt(d, invocation, status)


def _attempts_before(d: Decision, invocation: Invocation) -> int:
    """Where the numbers of attempts begin: anywhere for an id that may have lived before and been forgotten, because
    an attempt of that life may still be heard."""
    if invocation.idempotency_key is None and invocation.target.kind is not TargetKind.WORKFLOW_RUN:
        return 0
    return int.from_bytes(d.surroundings.random_bytes(4), "big") >> 2


def admit(d: Decision, invocation: Invocation, status: Status) -> None:
    """A scheduled invocation's time has come."""
    status = _take_turn(d, invocation, status)
    d.emit(StatusChanged(invocation.id, status))
    if status.phase is Phase.INVOKED:
        start_attempt(d, invocation, status)


def _take_turn(d: Decision, invocation: Invocation, status: Status) -> Status:
    """Takes the object's lock or a place in its inbox; other kinds of target need neither."""
    target = invocation.target
    if target.kind is not TargetKind.OBJECT_EXCLUSIVE:
        return _running(d, invocation, status)
    lock = d.tables.locks.get(keys.object_key(target.service, target.key))
    if lock is None:
        d.emit(LockChanged(target.service, target.key, Lock(invocation.id, 0, 0), new=True))
        return _running(d, invocation, status)
    d.emit(InboxPushed(target.service, target.key, lock.tail, InboxEntry(invocation.id, d.now)))
    d.emit(LockChanged(target.service, target.key, Lock(lock.holder, lock.head, lock.tail + 1)))
    return replace(status, phase=Phase.INBOXED, modified_at=d.now, inbox_sequence=lock.tail, inboxed_at=d.now)


def _running(d: Decision, invocation: Invocation, status: Status) -> Status:
    status = on_deployment(d, invocation, status)
    return Status(
        Phase.INVOKED,
        d.now,
        attempt=status.attempt + 1,
        inboxed_at=status.inboxed_at,
        scheduled_at=status.scheduled_at,
        running_at=status.running_at or d.now,
        attached=status.attached,
        deployment=status.deployment,
        protocol_version=status.protocol_version,
        pinned=status.pinned,
        started_at=d.now,
    )


def on_deployment(d: Decision, invocation: Invocation, status: Status) -> Status:
    """Where the next attempt runs: where it is pinned to, else with the newest deployment of its service."""
    if status.pinned:
        return status
    handler = d.schema.handler(invocation.target.service, invocation.target.handler)
    if handler is None:
        return status
    if handler.deployment == status.deployment and handler.protocol_version == status.protocol_version:
        return status
    # Only what ran before has a journal to look into: the numbers of attempts may begin anywhere.
    if status.running_at and not status.deployment and d.tables.journal_summary(invocation.id).command_count > 1:
        return status  # it has made journal entries in the node's own process
    return replace(status, deployment=handler.deployment, protocol_version=handler.protocol_version)


def release_lock(d: Decision, invocation: Invocation) -> None:
    """Gives the object to the next in its inbox, if this invocation holds it."""
    target = invocation.target
    if target.kind is not TargetKind.OBJECT_EXCLUSIVE:
        return
    object_key = keys.object_key(target.service, target.key)
    lock = d.tables.locks.get(object_key)
    if lock is None or lock.holder != invocation.id:
        return
    for sequence in range(lock.head, lock.tail):
        entry = d.tables.inbox.get(object_key + keys.u64(sequence))
        if entry is None:
            continue  # it left the inbox before its turn came
        d.emit(InboxRemoved(target.service, target.key, sequence))
        if entry.edit is not None:
            replace_state(d, target.service, target.key, entry.edit)
            continue
        d.emit(LockChanged(target.service, target.key, Lock(entry.invocation, sequence + 1, lock.tail)))
        _start_waiting(d, entry.invocation)
        return
    d.emit(LockChanged(target.service, target.key, None))


def _start_waiting(d: Decision, invocation_id: bytes) -> None:
    invocation = d.tables.invocation(invocation_id)
    status = d.tables.statuses.get(invocation_id)
    assert status is not None
    status = _running(d, invocation, status)
    d.emit(StatusChanged(invocation_id, status))
    start_attempt(d, invocation, status)


def start_attempt(d: Decision, invocation: Invocation, status: Status) -> None:
    """Has the handler run from the journal as it is now."""
    handler = d.schema.handler(invocation.target.service, invocation.target.handler)
    state, partial = _start_state(d, invocation, handler)
    failed = 0 if status.retry is None else status.retry.since_stored_entry
    d.effect(
        StartAttempt(
            invocation,
            status.attempt,
            d.tables.journal_entries(invocation.id),
            state,
            partial,
            failed,
            _since_stored_entry(d, invocation) if failed else 0,
            status.deployment,
            status.protocol_version,
        )
    )


def _since_stored_entry(d: Decision, invocation: Invocation) -> int:
    """How long ago the journal grew, in ms; by the clock of this leader, which may be behind the one of that time."""
    return max(0, d.now - d.tables.journal.rows(invocation.id)[-1][1].appended_at)


def _start_state(d: Decision, invocation: Invocation, handler: HandlerSchema | None) -> tuple[dict[bytes, bytes], bool]:
    """The object's state as it goes with the start, and whether some of it may be missing."""
    target = invocation.target
    if not target.keyed or (handler is not None and handler.lazy_state):
        return {}, True
    state: dict[bytes, bytes] = {}
    size = 0
    for name, value in d.tables.state.rows(keys.object_key(target.service, target.key)):
        size += len(name) + len(value)
        if size > d.surroundings.limits.eager_state_bytes:
            return state, True
        state[name] = value
    return state, False


def start_again(d: Decision, invocation: Invocation, status: Status) -> None:
    """A fresh attempt of one that was suspended, paused or backing off, without its past failures."""
    status = _running(d, invocation, status)
    d.emit(StatusChanged(invocation.id, status))
    start_attempt(d, invocation, status)


def set_timer(d: Decision, timer: Timer) -> None:
    """A durable timer."""
    d.emit(TimerSet(timer))
    d.effect(ArmTimer(timer))
