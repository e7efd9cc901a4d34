"""Messages of the service protocol as frozen structs.

Each struct carries the protocol's 16-bit message type as its tag. In the same process these objects are
passed as they are; in the journal they are stored as MessagePack arrays `[tag, field, ...]`.

Compatibility rule (the journal outlives every release): fields are only ever appended, with a default.

Results of completions are spread over two optional fields: `value` is the success payload, `failure` the
terminal failure; both `None` means "void" (an empty success).

Frozen structs of plain values cannot be part of a reference cycle, so Python's cycle collector need not look at them
(`gc=False`): there are many.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, TypeAlias

import msgspec

CANCEL_SIGNAL: Final = 1
"""Index of the built-in signal that asks an invocation to cancel itself."""

FIRST_AWAKEABLE_SIGNAL: Final = 17
"""Awakeables take signal indexes from here on, in order of creation; lower ones are reserved."""


class Message(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Base of all messages; immutable, ordered fields."""


class Header(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One request header."""

    key: str
    value: str


class Failure(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A terminal failure: HTTP-like code, text for people, optional metadata."""

    code: int
    message: str
    metadata: tuple[tuple[str, str], ...] = ()


class Combinator(IntEnum):
    """How a future's leaves and children combine."""

    UNKNOWN = 0
    FIRST_COMPLETED = 1
    ALL_COMPLETED = 2
    FIRST_SUCCEEDED_OR_ALL_FAILED = 3
    ALL_SUCCEEDED_OR_FIRST_FAILED = 4


class Future(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A tree of what a handler waits for: completion ids, signal indexes, signal names, nested trees."""

    waiting_completions: tuple[int, ...] = ()
    waiting_signals: tuple[int, ...] = ()
    waiting_named_signals: tuple[str, ...] = ()
    nested_futures: tuple[Future, ...] = ()
    combinator: Combinator = Combinator.UNKNOWN
    signals_heard: tuple[int, ...] = ()
    """For each of the named signals, how many of its name the handler has taken before. Not known of remote ones."""


# --- control -------------------------------------------------------------------------------------


class Start(Message, frozen=True, array_like=True, tag=0x0000):
    """Engine to handler, first. `state_map` is the object's state, whole unless `partial_state`."""

    id: bytes
    debug_id: str
    known_entries: int
    state_map: dict[bytes, bytes]
    partial_state: bool
    key: str
    retry_count_since_last_stored_entry: int
    duration_since_last_stored_entry: int
    random_seed: int
    idempotency_key: str | None = None
    scope: str | None = None
    limit_key: str | None = None


class Suspension(Message, frozen=True, array_like=True, tag=0x0001):
    """Handler to engine, last: nothing more can happen before `awaiting_on` resolves."""

    awaiting_on: Future


class ErrorBehavior(IntEnum):
    """What the handler asks the engine to do with a failed attempt."""

    RETRY = 0
    PAUSE = 1
    FAIL = 2


class Error(Message, frozen=True, array_like=True, tag=0x0002):
    """Handler to engine, last: the attempt failed; it is not the invocation's outcome."""

    code: int
    message: str
    stacktrace: str = ""
    related_command_index: int | None = None
    related_command_name: str | None = None
    related_command_type: int | None = None
    next_retry_delay: int | None = None
    behavior: ErrorBehavior = ErrorBehavior.RETRY


class End(Message, frozen=True, array_like=True, tag=0x0003):
    """Handler to engine, last: the invocation is complete; an `OutputCommand` came before."""


class CommandAck(Message, frozen=True, array_like=True, tag=0x0004):
    """Engine to handler: a command that asked for it is durable. Commands alone count, the input is 0."""

    command_index: int


class ProposeRunCompletion(Message, frozen=True, array_like=True, tag=0x0005):
    """Handler to engine: the result of a run block, to be journaled before the handler may rely on it."""

    result_completion_id: int
    value: bytes | None = None
    failure: Failure | None = None


class AwaitingOn(Message, frozen=True, array_like=True, tag=0x0006):
    """Handler to engine: what the handler waits for now (informative)."""

    awaiting_on: Future
    executing_side_effects: bool = False


class ProposeRunCompletionAck(Message, frozen=True, array_like=True, tag=0x0007):
    """Engine to handler: the proposed result is durable."""

    completion_id: int


# --- commands: journal entries that the handler makes ---------------------------------------------


class InputCommand(Message, frozen=True, array_like=True, tag=0x0400):
    """Always entry 0; written by the engine."""

    headers: tuple[Header, ...]
    value: bytes
    name: str = ""


class OutputCommand(Message, frozen=True, array_like=True, tag=0x0401):
    """The handler's result; the last one before `End` counts."""

    value: bytes | None = None
    failure: Failure | None = None
    name: str = ""


class GetLazyStateCommand(Message, frozen=True, array_like=True, tag=0x0402):
    """Reads one state key; answered by a completion."""

    key: bytes
    result_completion_id: int
    name: str = ""


class SetStateCommand(Message, frozen=True, array_like=True, tag=0x0403):
    """Writes one state key."""

    key: bytes
    value: bytes
    name: str = ""


class ClearStateCommand(Message, frozen=True, array_like=True, tag=0x0404):
    """Deletes one state key."""

    key: bytes
    name: str = ""


class ClearAllStateCommand(Message, frozen=True, array_like=True, tag=0x0405):
    """Deletes all state keys of the object."""

    name: str = ""


class GetLazyStateKeysCommand(Message, frozen=True, array_like=True, tag=0x0406):
    """Lists the state keys; answered by a completion."""

    result_completion_id: int
    name: str = ""


class GetEagerStateCommand(Message, frozen=True, array_like=True, tag=0x0407):
    """A state read that the handler answered itself from the start message; `None` means no value."""

    key: bytes
    value: bytes | None = None
    name: str = ""


class GetEagerStateKeysCommand(Message, frozen=True, array_like=True, tag=0x0408):
    """A listing of state keys that the handler answered itself."""

    keys: tuple[bytes, ...]
    name: str = ""


class GetPromiseCommand(Message, frozen=True, array_like=True, tag=0x0409):
    """Awaits a promise of the workflow; answered by a completion once somebody has completed it."""

    key: str
    result_completion_id: int
    name: str = ""


class PeekPromiseCommand(Message, frozen=True, array_like=True, tag=0x040A):
    """Reads a promise of the workflow as it is; answered at once, with void where it is open."""

    key: str
    result_completion_id: int
    name: str = ""


class CompletePromiseCommand(Message, frozen=True, array_like=True, tag=0x040B):
    """Resolves or rejects a promise of the workflow; answered at once, with a failure where somebody did before."""

    key: str
    result_completion_id: int
    value: bytes | None = None
    failure: Failure | None = None
    name: str = ""


class SleepCommand(Message, frozen=True, array_like=True, tag=0x040C):
    """A durable timer; `wake_up_time` in ms since the epoch."""

    wake_up_time: int
    result_completion_id: int
    name: str = ""


class CallCommand(Message, frozen=True, array_like=True, tag=0x040D):
    """A call to another handler; completions: the child's invocation id, then its result."""

    service_name: str
    handler_name: str
    parameter: bytes
    headers: tuple[Header, ...]
    key: str
    idempotency_key: str | None
    invocation_id_notification_idx: int
    result_completion_id: int
    name: str = ""
    scope: str | None = None
    limit_key: str | None = None


class OneWayCallCommand(Message, frozen=True, array_like=True, tag=0x040E):
    """A call without a result; `invoke_time` in ms since the epoch, 0 means now."""

    service_name: str
    handler_name: str
    parameter: bytes
    invoke_time: int
    headers: tuple[Header, ...]
    key: str
    idempotency_key: str | None
    invocation_id_notification_idx: int
    name: str = ""
    scope: str | None = None
    limit_key: str | None = None


class SendSignalCommand(Message, frozen=True, array_like=True, tag=0x0410):
    """Sends a signal, by index or by name, to another invocation."""

    target_invocation_id: str
    signal: int | str
    value: bytes | None = None
    failure: Failure | None = None
    name: str = ""


class RunCommand(Message, frozen=True, array_like=True, tag=0x0411):
    """A run block; its result comes by `ProposeRunCompletion`."""

    result_completion_id: int
    name: str = ""


class WorkflowTarget(msgspec.Struct, frozen=True, array_like=True, tag=4):
    """The run of a workflow, as a way to name an invocation."""

    workflow_name: str
    workflow_key: str
    scope: str | None = None


class IdempotentRequestTarget(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """A request with an idempotency key, as a way to name an invocation; `service_key` None for services."""

    service_name: str
    service_key: str | None
    handler_name: str
    idempotency_key: str
    scope: str | None = None


InvocationName: TypeAlias = str | IdempotentRequestTarget | WorkflowTarget
"""How a handler names an invocation: by its id's text, or by what fixes its id."""


class AttachInvocationCommand(Message, frozen=True, array_like=True, tag=0x0412):
    """Waits for the result of an invocation that somebody else began."""

    target: InvocationName
    result_completion_id: int
    name: str = ""


class GetInvocationOutputCommand(Message, frozen=True, array_like=True, tag=0x0413):
    """Reads the result of an invocation as it is."""

    target: InvocationName
    result_completion_id: int
    name: str = ""


class CompleteAwakeableCommand(Message, frozen=True, array_like=True, tag=0x0414):
    """Resolves or rejects an awakeable of any invocation."""

    awakeable_id: str
    value: bytes | None = None
    failure: Failure | None = None
    name: str = ""


# --- notifications: journal entries that the engine makes -----------------------------------------


class GetLazyStateCompletion(Message, frozen=True, array_like=True, tag=0x8002):
    """Void where the key has no value."""

    completion_id: int
    value: bytes | None = None
    failure: Failure | None = None


class GetLazyStateKeysCompletion(Message, frozen=True, array_like=True, tag=0x8006):
    """The object's state keys."""

    completion_id: int
    keys: tuple[bytes, ...]


class GetPromiseCompletion(Message, frozen=True, array_like=True, tag=0x8009):
    """What a promise was completed with."""

    completion_id: int
    value: bytes | None = None
    failure: Failure | None = None


class PeekPromiseCompletion(Message, frozen=True, array_like=True, tag=0x800A):
    """What a promise was completed with; void where it is open."""

    completion_id: int
    value: bytes | None = None
    failure: Failure | None = None


class CompletePromiseCompletion(Message, frozen=True, array_like=True, tag=0x800B):
    """Void where the promise is completed now, a failure where it was before."""

    completion_id: int
    failure: Failure | None = None


class SleepCompletion(Message, frozen=True, array_like=True, tag=0x800C):
    """The timer is due."""

    completion_id: int


class CallCompletion(Message, frozen=True, array_like=True, tag=0x800D):
    """The callee's outcome."""

    completion_id: int
    value: bytes | None = None
    failure: Failure | None = None


class CallInvocationIdCompletion(Message, frozen=True, array_like=True, tag=0x800E):
    """The callee's invocation id, known as soon as the call is journaled."""

    completion_id: int
    invocation_id: str


class RunCompletion(Message, frozen=True, array_like=True, tag=0x8011):
    """A run block's durable result."""

    completion_id: int
    value: bytes | None = None
    failure: Failure | None = None


class AttachInvocationCompletion(Message, frozen=True, array_like=True, tag=0x8012):
    """The outcome of the invocation that was attached to; a failure 404 where there is none."""

    completion_id: int
    value: bytes | None = None
    failure: Failure | None = None


class GetInvocationOutputCompletion(Message, frozen=True, array_like=True, tag=0x8013):
    """The outcome of an invocation; void where it has none yet, a failure 404 where there is no such invocation."""

    completion_id: int
    value: bytes | None = None
    failure: Failure | None = None


class SignalNotification(Message, frozen=True, array_like=True, tag=0xFBFF):
    """A signal by index (`CANCEL_SIGNAL`, awakeables) or by name."""

    signal: int | str
    value: bytes | None = None
    failure: Failure | None = None


StateCommand: TypeAlias = (
    GetLazyStateCommand
    | GetLazyStateKeysCommand
    | GetEagerStateCommand
    | GetEagerStateKeysCommand
    | SetStateCommand
    | ClearStateCommand
    | ClearAllStateCommand
)
PromiseCommand: TypeAlias = GetPromiseCommand | PeekPromiseCommand | CompletePromiseCommand
PromiseCompletion: TypeAlias = GetPromiseCompletion | PeekPromiseCompletion | CompletePromiseCompletion
Command: TypeAlias = (
    InputCommand
    | OutputCommand
    | StateCommand
    | PromiseCommand
    | SleepCommand
    | CallCommand
    | OneWayCallCommand
    | SendSignalCommand
    | RunCommand
    | AttachInvocationCommand
    | GetInvocationOutputCommand
    | CompleteAwakeableCommand
)
Completion: TypeAlias = (
    GetLazyStateCompletion
    | GetLazyStateKeysCompletion
    | PromiseCompletion
    | SleepCompletion
    | CallCompletion
    | CallInvocationIdCompletion
    | RunCompletion
    | AttachInvocationCompletion
    | GetInvocationOutputCompletion
)
Notification: TypeAlias = Completion | SignalNotification
Entry: TypeAlias = Command | Notification
"""What a journal holds, in one order, never rewritten."""

HandlerMessage: TypeAlias = Command | CommandAck | ProposeRunCompletion | AwaitingOn | Suspension | Error | End
"""What a handler's side may send. A `CommandAck` behind a command asks for it back once that is durable."""

EngineMessage: TypeAlias = Notification | ProposeRunCompletionAck | CommandAck
"""What the engine sends to a live attempt after `Start` and the known entries."""
