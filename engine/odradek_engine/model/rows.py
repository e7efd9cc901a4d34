"""Rows of a partition's tables."""

from __future__ import annotations

from enum import IntEnum

import msgspec

from odradek.protocol.messages import Entry, Failure, Future
from odradek_engine.model.target import Target


class Row(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Base of all rows."""


class SourceKind(IntEnum):
    """Who asked for an invocation."""

    INGRESS = 0
    SERVICE = 1
    SUBSCRIPTION = 2
    RESTART = 3


class Source(Row, frozen=True, array_like=True):
    """Who asked for an invocation: a client, a handler's invocation, a subscription, or an operator's restart.

    `invocation`: the handler's, or the one that was restarted.
    """

    kind: SourceKind
    invocation: bytes | None = None
    target: Target | None = None
    subscription: str | None = None


class Caller(Row, frozen=True, array_like=True):
    """A handler's invocation that waits for a result or a promise, and the completion that takes it."""

    invocation: bytes
    completion_id: int


class Invocation(Row, frozen=True, array_like=True):
    """What an invocation is; never changes. Times and retentions in ms."""

    id: bytes
    target: Target
    created_at: int
    source: Source
    idempotency_key: str | None = None
    caller: Caller | None = None
    execution_time: int = 0
    """Not to start before this instant, 0 for at once."""
    completion_retention: int = 0
    journal_retention: int = 0
    random_seed: int | None = None
    """Where it goes on from a part of another's journal: that one's seed. Else its own id makes one."""


def random_seed(invocation: Invocation) -> int:
    """What a handler's chance is seeded with: the same in all attempts."""
    own = int.from_bytes(invocation.id[16:], "little")
    return own if invocation.random_seed is None else invocation.random_seed


class Phase(IntEnum):
    """Where an unfinished invocation stands."""

    SCHEDULED = 0
    INBOXED = 1
    INVOKED = 2
    SUSPENDED = 3
    PAUSED = 4


class AttemptFailure(Row, frozen=True, array_like=True):
    """Why an attempt failed. `error_code` is the documented code (RT0007 ...)."""

    code: int
    message: str
    error_code: str
    stacktrace: str = ""
    related_command_index: int | None = None
    related_command_name: str | None = None
    related_command_type: int | None = None


class Retry(Row, frozen=True, array_like=True):
    """Failed attempts of an invocation since it was last started or resumed."""

    count: int
    counted: int
    """How many of them the retry policy counts."""
    since_stored_entry: int
    """How many of them since the journal last grew."""
    last_failure: AttemptFailure
    next_retry_at: int | None


class Status(Row, frozen=True, array_like=True):
    """Where an unfinished invocation stands. `attempt` rises with every start; older attempts are void."""

    phase: Phase
    modified_at: int
    attempt: int = 0
    retry: Retry | None = None
    awaiting: Future | None = None
    inbox_sequence: int = 0
    inboxed_at: int | None = None
    scheduled_at: int | None = None
    running_at: int | None = None
    attached: bool = False
    """Whether further callers wait for it (table `callers`)."""
    deployment: str = ""
    """Where the current attempt runs; empty: in the node's own process."""
    protocol_version: int = 0
    pinned: bool = False
    """Later attempts run there too: the deployment has made journal entries."""
    started_at: int | None = None
    """When the current attempt was started, or the one before while it waits for its time."""


class Result(Row, frozen=True, array_like=True):
    """An outcome: a value, or a terminal failure."""

    value: bytes | None = None
    failure: Failure | None = None
    stacktrace: str = ""


class Completion(Row, frozen=True, array_like=True):
    """A finished invocation, kept until `expires_at`; its journal until `journal_expires_at`, which is not later.

    `retained_bytes`: what keeping it costs, about. `journal_kept`: the journal is still there.
    """

    result: Result
    completed_at: int
    expires_at: int
    journal_expires_at: int
    retained_bytes: int
    inboxed_at: int | None = None
    scheduled_at: int | None = None
    running_at: int | None = None
    journal_kept: bool = True
    workflow: bool = False
    """It is a workflow's run: the workflow's state and promises are forgotten with it."""
    deployment: str = ""
    """Where it ran; empty: in the node's own process."""
    protocol_version: int = 0


class JournalChunk(Row, frozen=True, array_like=True):
    """Journal entries that were appended together."""

    entries: tuple[Entry, ...]
    appended_at: int


class ErrorEvent(Row, frozen=True, array_like=True):
    """Something that befell an invocation between journal entries: a failed attempt (`kind` TransientError) or a
    pause (`kind` Paused)."""

    kind: str
    after_entry_index: int
    at: int
    failure: AttemptFailure | None = None


class Promise(Row, frozen=True, array_like=True):
    """A promise of a workflow that somebody awaits (`result` None) or has completed."""

    result: Result | None = None


class Lock(Row, frozen=True, array_like=True):
    """Who holds an object, and which sequence numbers wait in its inbox: `head <= n < tail`."""

    holder: bytes
    head: int
    tail: int


class StateEdit(Row, frozen=True, array_like=True):
    """A state to replace an object's whole state with; `version`: of the state that it is meant for, None for any."""

    state: dict[bytes, bytes]
    version: str | None = None


class InboxEntry(Row, frozen=True, array_like=True):
    """One that waits for an object: an invocation, or an operator's edit of its state."""

    invocation: bytes
    at: int
    edit: StateEdit | None = None


class TimerKind(IntEnum):
    """What a timer is for."""

    START = 0
    SLEEP = 1
    RETRY = 2


class Timer(Row, frozen=True, array_like=True, order=True):
    """A durable timer; `number`: the completion id of a sleep, the attempt of a retry."""

    due_at: int
    kind: TimerKind
    invocation: bytes
    number: int = 0


class SourcePosition(Row, frozen=True, array_like=True):
    """The last offset of a source partition that this partition has taken."""

    offset: int


class KafkaCluster(Row, frozen=True, array_like=True):
    """A Kafka cluster to subscribe to; `properties` are librdkafka's."""

    name: str
    properties: dict[str, str]
    created_at: int


class Subscription(Row, frozen=True, array_like=True):
    """A topic whose records go to a handler.

    `start_offsets`: where each partition began when the subscription was made; `topic_id` tells a topic from one that
    was created later under its name.
    """

    id: str
    cluster: str
    topic: str
    service: str
    handler: str
    options: dict[str, str]
    created_at: int
    topic_id: str
    start_offsets: dict[int, int]

    @property
    def source(self) -> str:
        """`kafka://cluster/topic`."""
        return f"kafka://{self.cluster}/{self.topic}"

    @property
    def sink(self) -> str:
        """`service://Service/handler`."""
        return f"service://{self.service}/{self.handler}"


class SourceCommit(Row, frozen=True, array_like=True):
    """How far a subscription has read one source partition: every record before `offset` is taken."""

    offset: int
