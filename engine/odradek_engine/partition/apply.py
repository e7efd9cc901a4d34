"""The only code that writes tables: one function per event, from the event's values alone.

Nothing here reads a row: applying an event twice, or a tail of events from an older point, ends in the same tables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from odradek_engine.model import events as e
from odradek_engine.model.rows import Caller, JournalChunk, Promise, SourceCommit, SourcePosition
from odradek_engine.partition import keys
from odradek_engine.partition.tables import REJECTED_COUNT, REJECTED_KEPT_MAX, RETAINED_BYTES, Tables


def apply(event: e.AnyEvent, tables: Tables) -> None:
    """Writes what an event says."""
    _APPLY[type(event)](event, tables)


def _leader_elected(_event: e.LeaderElected, _tables: Tables) -> None:
    """An announcement changes no table; the journal's reader takes note of it."""


def _invocation_created(event: e.InvocationCreated, tables: Tables) -> None:
    invocation = event.invocation
    tables.invocations.put(invocation.id, invocation)
    tables.statuses.put(invocation.id, event.status, new=True)
    tables.append_journal(invocation.id, 0, JournalChunk(event.entries, invocation.created_at))


def _status_changed(event: e.StatusChanged, tables: Tables) -> None:
    tables.statuses.put(event.invocation, event.status)


def _entries_appended(event: e.EntriesAppended, tables: Tables) -> None:
    tables.append_journal(event.invocation, event.first_index, JournalChunk(event.entries, event.at))


def _error_recorded(event: e.ErrorRecorded, tables: Tables) -> None:
    tables.errors.put(event.invocation, keys.u32(event.number), event.event)


def _invocation_completed(event: e.InvocationCompleted, tables: Tables) -> None:
    tables.statuses.put(event.invocation, None)
    tables.completions.put(event.invocation, event.completion)
    completion = event.completion
    tables.put_expiry(keys.u64(completion.journal_expires_at) + event.invocation, completion.retained_bytes)
    tables.counters.put(RETAINED_BYTES, event.retained_total)


def _invocation_forgotten(event: e.InvocationForgotten, tables: Tables) -> None:
    tables.invocations.put(event.invocation, None)
    tables.statuses.put(event.invocation, None)
    tables.completions.put(event.invocation, None)
    _forget_journal(event.invocation, event.chunks, event.errors, tables)
    if event.expires_at is not None:
        tables.expiry.put(keys.u64(event.expires_at) + event.invocation, None)
        tables.counters.put(RETAINED_BYTES, event.retained_total)


def _journal_forgotten(event: e.JournalForgotten, tables: Tables) -> None:
    _forget_journal(event.invocation, event.chunks, event.errors, tables)
    tables.completions.put(event.invocation, event.completion)
    tables.expiry.put(keys.u64(event.expired_at) + event.invocation, None)
    tables.put_expiry(keys.u64(event.completion.expires_at) + event.invocation, event.completion.retained_bytes)
    tables.counters.put(RETAINED_BYTES, event.retained_total)


def _forget_journal(invocation: bytes, chunks: tuple[int, ...], errors: int, tables: Tables) -> None:
    for first_index in chunks:
        tables.journal.put(invocation, keys.u32(first_index), None)
    for number in range(errors):
        tables.errors.put(invocation, keys.u32(number), None)


def _state_changed(event: e.StateChanged, tables: Tables) -> None:
    group = keys.object_key(event.service, event.key)
    for name, value in event.values.items():
        tables.state.put(group, name, value)


def _lock_changed(event: e.LockChanged, tables: Tables) -> None:
    tables.locks.put(keys.object_key(event.service, event.key), event.lock, new=event.new)


def _inbox_pushed(event: e.InboxPushed, tables: Tables) -> None:
    tables.inbox.put(keys.object_key(event.service, event.key) + keys.u64(event.sequence), event.entry, new=True)


def _inbox_removed(event: e.InboxRemoved, tables: Tables) -> None:
    tables.inbox.put(keys.object_key(event.service, event.key) + keys.u64(event.sequence), None)


def _timer_set(event: e.TimerSet, tables: Tables) -> None:
    tables.timers.put(keys.timer_key(event.timer), event.timer, new=True)


def _timer_cleared(event: e.TimerCleared, tables: Tables) -> None:
    tables.timers.put(keys.timer_key(event.timer), None)


def _caller_attached(event: e.CallerAttached, tables: Tables) -> None:
    key = event.caller + keys.u32(event.completion_id)
    tables.callers.put(event.invocation, key, Caller(event.caller, event.completion_id))


def _callers_answered(event: e.CallersAnswered, tables: Tables) -> None:
    for caller, completion_id in event.callers:
        tables.callers.put(event.invocation, caller + keys.u32(completion_id), None)


def _message_sent(event: e.MessageSent, tables: Tables) -> None:
    tables.outbox.put(keys.outbox_key(event.target, event.sequence), event.message, new=True)
    tables.sequences.put(sent_to(event.target), event.sequence)


def _messages_acknowledged(event: e.MessagesAcknowledged, tables: Tables) -> None:
    for sequence in range(event.first, event.last + 1):
        tables.outbox.put(keys.outbox_key(event.target, sequence), None)
    tables.sequences.put(acknowledged_by(event.target), event.last)


def _message_taken(event: e.MessageTaken, tables: Tables) -> None:
    tables.sequences.put(taken_from(event.sender), event.sequence)


def _source_taken(event: e.SourceTaken, tables: Tables) -> None:
    key = keys.source_key(event.subscription, event.topic_id, event.partition)
    tables.sources.put(key, SourcePosition(event.offset))


def _source_committed(event: e.SourceCommitted, tables: Tables) -> None:
    key = keys.source_key(event.subscription, event.topic_id, event.partition)
    tables.commits.put(key, SourceCommit(event.offset))


def _command_rejected(event: e.CommandRejected, tables: Tables) -> None:
    tables.rejected.put(keys.u64(event.number % REJECTED_KEPT_MAX), (event.raw, event.reason, event.at))
    tables.counters.put(REJECTED_COUNT, event.number + 1)


def _deployment_registered(event: e.DeploymentRegistered, tables: Tables) -> None:
    tables.deployments.put(event.deployment.id.encode(), event.deployment)
    for service in event.services:
        tables.services.put(service.manifest.name.encode(), service)
    for name in event.gone:
        tables.services.put(name.encode(), None)


def _deployment_removed(event: e.DeploymentRemoved, tables: Tables) -> None:
    tables.deployments.put(event.deployment.encode(), None)
    for name in event.services:
        tables.services.put(name.encode(), None)


def _service_configured(event: e.ServiceConfigured, tables: Tables) -> None:
    tables.services.put(event.service.manifest.name.encode(), event.service)


def _kafka_cluster_changed(event: e.KafkaClusterChanged, tables: Tables) -> None:
    tables.clusters.put(event.name.encode(), event.cluster)


def _subscription_changed(event: e.SubscriptionChanged, tables: Tables) -> None:
    tables.subscriptions.put(event.id.encode(), event.subscription)


def _promise_awaited(event: e.PromiseAwaited, tables: Tables) -> None:
    tables.promises.put(keys.object_key(event.service, event.key), event.name.encode(), Promise())
    _put_waiter(event, event.waiter, event.waiter, tables)


def _promise_left(event: e.PromiseLeft, tables: Tables) -> None:
    _put_waiter(event, event.waiter, None, tables)
    if event.last:
        tables.promises.put(keys.object_key(event.service, event.key), event.name.encode(), None)


def _promise_completed(event: e.PromiseCompleted, tables: Tables) -> None:
    promise = Promise(event.result)
    tables.promises.put(keys.object_key(event.service, event.key), event.name.encode(), promise)
    for waiter in event.waiters:
        _put_waiter(event, waiter, None, tables)


def _put_waiter(
    event: e.PromiseAwaited | e.PromiseLeft | e.PromiseCompleted, waiter: Caller, row: Caller | None, tables: Tables
) -> None:
    group = keys.promise_key(event.service, event.key, event.name)
    tables.waiters.put(group, waiter.invocation + keys.u32(waiter.completion_id), row)


def _promises_forgotten(event: e.PromisesForgotten, tables: Tables) -> None:
    group = keys.object_key(event.service, event.key)
    for name in event.names:
        tables.promises.put(group, name.encode(), None)


def sent_to(target: int) -> bytes:
    """Key of the last sequence number sent to a partition."""
    return b"s" + keys.u32(target)


def acknowledged_by(target: int) -> bytes:
    """Key of the last sequence number that a partition has acknowledged."""
    return b"a" + keys.u32(target)


def taken_from(sender: int) -> bytes:
    """Key of the last sequence number taken from a partition."""
    return b"t" + keys.u32(sender)


_APPLY: Final[Mapping[type, Callable[[Any, Tables], None]]] = {
    e.LeaderElected: _leader_elected,
    e.InvocationCreated: _invocation_created,
    e.StatusChanged: _status_changed,
    e.EntriesAppended: _entries_appended,
    e.ErrorRecorded: _error_recorded,
    e.InvocationCompleted: _invocation_completed,
    e.InvocationForgotten: _invocation_forgotten,
    e.JournalForgotten: _journal_forgotten,
    e.StateChanged: _state_changed,
    e.LockChanged: _lock_changed,
    e.InboxPushed: _inbox_pushed,
    e.InboxRemoved: _inbox_removed,
    e.TimerSet: _timer_set,
    e.TimerCleared: _timer_cleared,
    e.CallerAttached: _caller_attached,
    e.CallersAnswered: _callers_answered,
    e.MessageSent: _message_sent,
    e.MessagesAcknowledged: _messages_acknowledged,
    e.MessageTaken: _message_taken,
    e.SourceTaken: _source_taken,
    e.SourceCommitted: _source_committed,
    e.CommandRejected: _command_rejected,
    e.DeploymentRegistered: _deployment_registered,
    e.DeploymentRemoved: _deployment_removed,
    e.ServiceConfigured: _service_configured,
    e.KafkaClusterChanged: _kafka_cluster_changed,
    e.SubscriptionChanged: _subscription_changed,
    e.PromiseAwaited: _promise_awaited,
    e.PromiseLeft: _promise_left,
    e.PromiseCompleted: _promise_completed,
    e.PromisesForgotten: _promises_forgotten,
}
