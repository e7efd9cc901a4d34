"""What happened in a partition. Events carry values, not instructions: `apply` writes them without reading.

One command's events stand together in one journal record.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from odradek.protocol.messages import Entry
from odradek_engine.model.commands import PartitionMessage
from odradek_engine.model.registry import Deployment, RegisteredService
from odradek_engine.model.rows import (
    Caller,
    Completion,
    ErrorEvent,
    InboxEntry,
    Invocation,
    KafkaCluster,
    Lock,
    Result,
    Status,
    Subscription,
    Timer,
)


class Event(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Base of all events."""


class LeaderElected(Event, frozen=True, array_like=True, tag=0):
    """A node announces itself; always the only event of a record with index 0."""

    node: str
    cluster_id: str
    partitions: int


class InvocationCreated(Event, frozen=True, array_like=True, tag=1):
    """An invocation begins its life; its journal begins with `entries` (the input)."""

    invocation: Invocation
    status: Status
    entries: tuple[Entry, ...]


class StatusChanged(Event, frozen=True, array_like=True, tag=2):
    """An unfinished invocation stands elsewhere now."""

    invocation: bytes
    status: Status


class EntriesAppended(Event, frozen=True, array_like=True, tag=3):
    """The journal of an invocation grew by `entries`, the first at `first_index`."""

    invocation: bytes
    first_index: int
    entries: tuple[Entry, ...]
    at: int


class ErrorRecorded(Event, frozen=True, array_like=True, tag=4):
    """An attempt failed, or the invocation was paused; `number` counts the events of an invocation."""

    invocation: bytes
    number: int
    event: ErrorEvent


class InvocationCompleted(Event, frozen=True, array_like=True, tag=5):
    """An invocation has its result and is kept. `retained_total`: bytes that all kept ones of the partition take."""

    invocation: bytes
    completion: Completion
    retained_total: int


class InvocationForgotten(Event, frozen=True, array_like=True, tag=6):
    """Nothing of an invocation is kept any more. Chunk indexes and the number of error events say what there was."""

    invocation: bytes
    chunks: tuple[int, ...]
    errors: int
    expires_at: int | None
    """Its place among those that expire, None where it never was there."""
    retained_total: int


class JournalForgotten(Event, frozen=True, array_like=True, tag=7):
    """A finished invocation's journal is not kept any more."""

    invocation: bytes
    chunks: tuple[int, ...]
    errors: int
    completion: Completion
    expired_at: int
    """Its place until now among those that expire."""
    retained_total: int


class StateChanged(Event, frozen=True, array_like=True, tag=8):
    """Values of an object; None where one is gone."""

    service: str
    key: str
    values: dict[bytes, bytes | None]


class LockChanged(Event, frozen=True, array_like=True, tag=9):
    """Who holds an object; None: nobody, and nobody waits."""

    service: str
    key: str
    lock: Lock | None
    new: bool = False
    """Nobody held it before."""


class InboxPushed(Event, frozen=True, array_like=True, tag=10):
    """An invocation waits for its object."""

    service: str
    key: str
    sequence: int
    entry: InboxEntry


class InboxRemoved(Event, frozen=True, array_like=True, tag=11):
    """It waits no more."""

    service: str
    key: str
    sequence: int


class TimerSet(Event, frozen=True, array_like=True, tag=12):
    """A timer is pending."""

    timer: Timer


class TimerCleared(Event, frozen=True, array_like=True, tag=13):
    """A timer has fired or is not needed any more."""

    timer: Timer


class CallerAttached(Event, frozen=True, array_like=True, tag=14):
    """A further caller waits for an invocation that was there already."""

    invocation: bytes
    caller: bytes
    completion_id: int


class CallersAnswered(Event, frozen=True, array_like=True, tag=15):
    """The further callers of an invocation have their answer."""

    invocation: bytes
    callers: tuple[tuple[bytes, int], ...]


class MessageSent(Event, frozen=True, array_like=True, tag=16):
    """A message to another partition; `sequence` rises by one for each of the same target."""

    target: int
    sequence: int
    message: PartitionMessage


class MessagesAcknowledged(Event, frozen=True, array_like=True, tag=17):
    """The target has taken the messages `first` to `last`."""

    target: int
    first: int
    last: int


class MessageTaken(Event, frozen=True, array_like=True, tag=18):
    """A message of another partition took effect; the events beside it are its effect."""

    sender: int
    sequence: int


class SourceTaken(Event, frozen=True, array_like=True, tag=19):
    """A source record took effect."""

    subscription: str
    topic_id: str
    partition: int
    offset: int


class SourceCommitted(Event, frozen=True, array_like=True, tag=20):
    """How far a subscription has read a source partition."""

    subscription: str
    topic_id: str
    partition: int
    offset: int


class CommandRejected(Event, frozen=True, array_like=True, tag=21):
    """A command on which the machine failed; kept for people. `number` counts them."""

    number: int
    raw: bytes
    reason: str
    at: int


class DeploymentRegistered(Event, frozen=True, array_like=True, tag=22):
    """A deployment and its services, each with its revision. `gone`: services that it does not serve any more."""

    deployment: Deployment
    services: tuple[RegisteredService, ...]
    gone: tuple[str, ...] = ()


class KafkaClusterChanged(Event, frozen=True, array_like=True, tag=23):
    """A Kafka cluster was added, changed or (None) removed."""

    name: str
    cluster: KafkaCluster | None


class SubscriptionChanged(Event, frozen=True, array_like=True, tag=24):
    """A subscription was added or (None) removed."""

    id: str
    subscription: Subscription | None


class PromiseAwaited(Event, frozen=True, array_like=True, tag=25):
    """An invocation waits for a promise that is open."""

    service: str
    key: str
    name: str
    waiter: Caller


class PromiseLeft(Event, frozen=True, array_like=True, tag=26):
    """An invocation waits no more for a promise that is still open; `last`: nobody else does."""

    service: str
    key: str
    name: str
    waiter: Caller
    last: bool


class PromiseCompleted(Event, frozen=True, array_like=True, tag=27):
    """A promise has its result; who waited for it is told beside this."""

    service: str
    key: str
    name: str
    result: Result
    waiters: tuple[Caller, ...]


class PromisesForgotten(Event, frozen=True, array_like=True, tag=28):
    """Completed promises of a workflow are not kept any more."""

    service: str
    key: str
    names: tuple[str, ...]


class DeploymentRemoved(Event, frozen=True, array_like=True, tag=29):
    """A deployment is gone, and with it the services that it served."""

    deployment: str
    services: tuple[str, ...]


class ServiceConfigured(Event, frozen=True, array_like=True, tag=30):
    """A service has other settings."""

    service: RegisteredService


AnyEvent: TypeAlias = (
    LeaderElected
    | InvocationCreated
    | StatusChanged
    | EntriesAppended
    | ErrorRecorded
    | InvocationCompleted
    | InvocationForgotten
    | JournalForgotten
    | StateChanged
    | LockChanged
    | InboxPushed
    | InboxRemoved
    | TimerSet
    | TimerCleared
    | CallerAttached
    | CallersAnswered
    | MessageSent
    | MessagesAcknowledged
    | MessageTaken
    | SourceTaken
    | SourceCommitted
    | CommandRejected
    | DeploymentRegistered
    | KafkaClusterChanged
    | SubscriptionChanged
    | PromiseAwaited
    | PromiseLeft
    | PromiseCompleted
    | PromisesForgotten
    | DeploymentRemoved
    | ServiceConfigured
)
