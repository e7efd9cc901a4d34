"""What a partition can be asked. Each is decided by the module of its name in `partition.decide`."""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec

from odradek.protocol.messages import CallCompletion, ErrorBehavior, HandlerMessage, InputCommand, SignalNotification
from odradek_engine.model.registry import Deployment, ServiceSettings
from odradek_engine.model.rows import AttemptFailure, Caller, Invocation, KafkaCluster, StateEdit, Subscription, Timer

KEEP: Final = "keep"
"""On the deployment where the invocation ran so far."""
LATEST: Final = "latest"
"""On the newest deployment of its service."""


class Command(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Base of all commands."""


class Invoke(Command, frozen=True, array_like=True, tag=1):
    """Begin an invocation, or meet the one of the same id. `wait`: the asker wants the result, not the acceptance."""

    invocation: Invocation
    input: InputCommand
    wait: bool = False


class HandlerMessages(Command, frozen=True, array_like=True, tag=2):
    """What one synchronous stretch of a handler produced, in order."""

    invocation: bytes
    attempt: int
    messages: tuple[HandlerMessage, ...]


class FailAttempt(Command, frozen=True, array_like=True, tag=3):
    """An attempt broke off without a word of its handler. With a `delay` (ms) the retry policy does not count it."""

    invocation: bytes
    attempt: int
    failure: AttemptFailure
    delay: int | None = None
    behavior: ErrorBehavior = ErrorBehavior.RETRY


class BeginAttempt(Command, frozen=True, array_like=True, tag=4):
    """A slot is free for an attempt that had to wait for one."""

    invocation: bytes
    attempt: int


class FireTimer(Command, frozen=True, array_like=True, tag=5):
    """A timer is due."""

    timer: Timer


class Signal(Command, frozen=True, array_like=True, tag=6):
    """Deliver a signal (awakeable completion, cancellation)."""

    invocation: bytes
    notification: SignalNotification


class CompleteCall(Command, frozen=True, array_like=True, tag=7):
    """A callee's result for its caller."""

    invocation: bytes
    completion: CallCompletion
    callee: bytes | None = None
    """Whose result it is; None in journals that were written before this was told."""


class Cancel(Command, frozen=True, array_like=True, tag=8):
    """Ask an invocation to end; one that has not started ends at once."""

    invocation: bytes


class Kill(Command, frozen=True, array_like=True, tag=9):
    """End an invocation now, and all that it called."""

    invocation: bytes


class Resume(Command, frozen=True, array_like=True, tag=10):
    """Start a paused, suspended or backing-off invocation now. `deployment`: `KEEP`, `LATEST` or an id."""

    invocation: bytes
    deployment: str = KEEP


class Purge(Command, frozen=True, array_like=True, tag=11):
    """Forget a finished invocation."""

    invocation: bytes


class PurgeJournal(Command, frozen=True, array_like=True, tag=12):
    """Forget a finished invocation's journal; its result stays."""

    invocation: bytes


class Attach(Command, frozen=True, array_like=True, tag=13):
    """Wait for an invocation's result."""

    invocation: bytes


class ReadOutput(Command, frozen=True, array_like=True, tag=14):
    """An invocation's result, if there is one yet."""

    invocation: bytes


class SourceRecord(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where a subscription's record stands in its source.

    `previous`: offset of the record that the subscription sent to the same target partition before, -1 after a
    (re)assignment.
    """

    subscription: str
    topic_id: str
    partition: int
    offset: int
    previous: int


class Ingest(Command, frozen=True, array_like=True, tag=15):
    """Begin the invocation of a source record, once. `refusal`: why it fails before it starts, if it does."""

    source: SourceRecord
    invocation: Invocation
    input: InputCommand
    refusal: str | None = None


class CommitSource(Command, frozen=True, array_like=True, tag=16):
    """Every record of a source partition before `offset` is taken by its target partition, durably."""

    subscription: str
    topic_id: str
    partition: int
    offset: int


class ReceiveMessage(Command, frozen=True, array_like=True, tag=17):
    """A message of another partition; taken only if `sequence` is the next one of its sender."""

    sender: int
    sequence: int
    command: PartitionMessage


class AcknowledgeMessages(Command, frozen=True, array_like=True, tag=18):
    """The target partition has taken all messages up to `sequence`."""

    target: int
    sequence: int


class CleanUp(Command, frozen=True, array_like=True, tag=19):
    """Forget finished invocations whose retention is over or that do not fit any more; a bounded number."""


class RegisterDeployment(Command, frozen=True, array_like=True, tag=20):
    """Make a deployment's services known (registry; partition 0).

    `overwrite`: also where a deployment of the same address is known. `breaking`: services may change their types.
    """

    deployment: Deployment
    overwrite: bool = False
    breaking: bool = False


class CreateKafkaCluster(Command, frozen=True, array_like=True, tag=21):
    """Add a Kafka cluster (registry)."""

    cluster: KafkaCluster


class ChangeKafkaCluster(Command, frozen=True, array_like=True, tag=34):
    """Give a Kafka cluster other properties (registry)."""

    name: str
    properties: dict[str, str]


class DeleteKafkaCluster(Command, frozen=True, array_like=True, tag=22):
    """Remove a Kafka cluster (registry)."""

    name: str
    force: bool = False


class CreateSubscription(Command, frozen=True, array_like=True, tag=23):
    """Add a subscription (registry)."""

    subscription: Subscription


class DeleteSubscription(Command, frozen=True, array_like=True, tag=24):
    """Remove a subscription (registry)."""

    id: str


class Refuse(Command, frozen=True, array_like=True, tag=25):
    """Stands in for a command that was found impossible: tells who asked."""

    code: int
    message: str


class AskResult(Command, frozen=True, array_like=True, tag=26):
    """A handler asks for an invocation's result; `wait`: once there is one, else as it is now."""

    invocation: bytes
    caller: Caller
    wait: bool


class UpdateDeployment(Command, frozen=True, array_like=True, tag=27):
    """Change a deployment; with `overwrite` its services too (registry)."""

    deployment: Deployment
    overwrite: bool = False


class RemoveDeployment(Command, frozen=True, array_like=True, tag=28):
    """Forget a deployment and the services that it serves (registry)."""

    id: str


class EditState(Command, frozen=True, array_like=True, tag=29):
    """Replace the state of an object or a workflow, when nobody holds it."""

    service: str
    key: str
    edit: StateEdit


class Pause(Command, frozen=True, array_like=True, tag=30):
    """Hold a running or backing-off invocation until somebody resumes it."""

    invocation: bytes


class ConfigureService(Command, frozen=True, array_like=True, tag=31):
    """Change settings of a service until it is registered anew (registry)."""

    service: str
    settings: ServiceSettings


class RestartAsNew(Command, frozen=True, array_like=True, tag=32):
    """Begin a new invocation like a finished one. `last_index`: of the journal entries that it starts with.

    `deployment`: `KEEP`, `LATEST` or an id.
    """

    invocation: bytes
    last_index: int = 0
    deployment: str = LATEST


class Detach(Command, frozen=True, array_like=True, tag=33):
    """Who waited for an invocation's result has left; goes with the reply that is not wanted any more."""

    invocation: bytes


PartitionMessage: TypeAlias = Invoke | CompleteCall | Signal | Cancel | Kill | AskResult
"""What partitions say to each other."""

AnyCommand: TypeAlias = (
    Invoke
    | HandlerMessages
    | FailAttempt
    | BeginAttempt
    | FireTimer
    | Signal
    | CompleteCall
    | Cancel
    | Kill
    | Resume
    | Purge
    | PurgeJournal
    | Attach
    | ReadOutput
    | Ingest
    | CommitSource
    | ReceiveMessage
    | AcknowledgeMessages
    | CleanUp
    | RegisterDeployment
    | CreateKafkaCluster
    | ChangeKafkaCluster
    | DeleteKafkaCluster
    | CreateSubscription
    | DeleteSubscription
    | Refuse
    | AskResult
    | UpdateDeployment
    | RemoveDeployment
    | EditState
    | Pause
    | ConfigureService
    | RestartAsNew
    | Detach
)
