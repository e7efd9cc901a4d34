"""Whether an operation is the one that the journal holds, and words for both when it is not.

Invariant: two runs of the same code give the same commands, except for the times that `_READ_FROM_CLOCK` names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from odradek.protocol.messages import (
    AttachInvocationCommand,
    CallCommand,
    ClearAllStateCommand,
    ClearStateCommand,
    Command,
    CompleteAwakeableCommand,
    CompletePromiseCommand,
    GetEagerStateCommand,
    GetEagerStateKeysCommand,
    GetInvocationOutputCommand,
    GetLazyStateCommand,
    GetLazyStateKeysCommand,
    GetPromiseCommand,
    InputCommand,
    InvocationName,
    OneWayCallCommand,
    OutputCommand,
    PeekPromiseCommand,
    RunCommand,
    SendSignalCommand,
    SetStateCommand,
    SleepCommand,
    WorkflowTarget,
)

_READ_FROM_CLOCK: Final[dict[type, str]] = {SleepCommand: "wake_up_time", OneWayCallCommand: "invoke_time"}
"""Fields that a replay computes anew; the stored value stands."""


_PAYLOADS: Final[dict[type, str]] = {
    SetStateCommand: "value",
    CallCommand: "parameter",
    OneWayCallCommand: "parameter",
    SendSignalCommand: "value",
    CompletePromiseCommand: "value",
    CompleteAwakeableCommand: "value",
    OutputCommand: "value",
}
"""Fields that hold what a handler's values were serialized to."""


def is_same_operation(stored: Command, issued: Command, *, payloads: bool = True) -> bool:
    """True if the issued command is the stored one; without `payloads`, whatever bytes they carry."""
    if stored == issued:
        return True
    if type(stored) is not type(issued):
        return False
    ignored = [_READ_FROM_CLOCK.get(type(stored)), None if payloads else _PAYLOADS.get(type(stored))]
    taken_over = {field: getattr(stored, field) for field in ignored if field is not None}
    return bool(stored == msgspec.structs.replace(issued, **taken_over))


def _target(command: Any) -> str:
    key = f"/{command.key}" if command.key else ""
    return f"{command.service_name}{key}/{command.handler_name}"


def _state_key(command: Any) -> str:
    return repr(command.key.decode(errors="replace"))


def _invocation(name: InvocationName) -> str:
    if isinstance(name, str):
        return name
    if isinstance(name, WorkflowTarget):
        return f"{name.workflow_name}/{name.workflow_key}"
    key = "" if name.service_key is None else f"/{name.service_key}"
    return f"{name.service_name}{key}/{name.handler_name} with idempotency key {name.idempotency_key!r}"


_WORDS: Final[dict[type, Callable[[Any], str]]] = {
    InputCommand: lambda _: "the input",
    OutputCommand: lambda c: "the end with a result" if c.failure is None else "the end with a terminal error",
    GetLazyStateCommand: lambda c: f"get of state {_state_key(c)}",
    GetEagerStateCommand: lambda c: f"get of state {_state_key(c)}",
    SetStateCommand: lambda c: f"set of state {_state_key(c)}",
    ClearStateCommand: lambda c: f"clear of state {_state_key(c)}",
    ClearAllStateCommand: lambda _: "clear_all of state",
    GetLazyStateKeysCommand: lambda _: "state_keys",
    GetEagerStateKeysCommand: lambda _: "state_keys",
    SleepCommand: lambda c: f"sleep {c.name!r}" if c.name else "sleep",
    CallCommand: lambda c: f"call to {_target(c)}",
    OneWayCallCommand: lambda c: f"send to {_target(c)}",
    SendSignalCommand: lambda c: f"signal {c.signal!r} to {c.target_invocation_id}",
    RunCommand: lambda c: f"run {c.name!r}",
    GetPromiseCommand: lambda c: f"promise {c.key!r}",
    PeekPromiseCommand: lambda c: f"peek of promise {c.key!r}",
    CompletePromiseCommand: lambda c: f"{'resolve' if c.failure is None else 'reject'} of promise {c.key!r}",
    AttachInvocationCommand: lambda c: f"attach to {_invocation(c.target)}",
    GetInvocationOutputCommand: lambda c: f"output of {_invocation(c.target)}",
    CompleteAwakeableCommand: lambda c: f"completion of awakeable {c.awakeable_id}",
}


def describe(command: Command) -> str:
    """A command in the words of the handler API."""
    return _WORDS[type(command)](command)


def difference(stored: Command, issued: Command) -> str:
    """What differs between two commands of one kind; empty for different kinds."""
    if type(stored) is not type(issued):
        return ""
    names = [name for name in issued.__struct_fields__ if getattr(stored, name) != getattr(issued, name)]
    return f" (different: {', '.join(names)})"
