"""The contexts through which handlers do everything durable. Interfaces only; `odradek.driver` implements them.

Every operation on a context is journaled in the order of the calls, and a replay must repeat that order.
"""

from __future__ import annotations

import abc
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any, Generic, ParamSpec, TypeAlias, TypeVar, overload
from uuid import UUID

from odradek.futures import (
    AttemptFinishedEvent,
    DurablePromise,
    RestateDurableCallFuture,
    RestateDurableFuture,
    RestateDurableSleepFuture,
    SendHandle,
)
from odradek.serde import DefaultSerde, Serde

T = TypeVar("T")
I = TypeVar("I")  # noqa: E741
O = TypeVar("O")  # noqa: E741
P = ParamSpec("P")

HandlerType: TypeAlias = Callable[[Any, I], Awaitable[O]] | Callable[[Any], Awaitable[O]]
RunAction: TypeAlias = Callable[..., Coroutine[Any, Any, T]] | Callable[..., T]

__all__ = [
    "AttemptFinishedEvent",
    "Context",
    "DurablePromise",
    "HandlerType",
    "KeyValueStore",
    "ObjectContext",
    "ObjectSharedContext",
    "Request",
    "RestateDurableCallFuture",
    "RestateDurableFuture",
    "RestateDurableSleepFuture",
    "RunAction",
    "RunOptions",
    "SendHandle",
    "WorkflowContext",
    "WorkflowSharedContext",
]


@dataclass
class RunOptions(Generic[T]):
    """How a run block's result is stored and how its action is retried.

    With none of the retry fields set, a failing action is retried for ever under the invocation's own retry policy.
    With any of them set, the others default to: no limit of attempts or duration, 50 ms first interval, factor 2,
    at most 10 s. When a limit is reached the block fails with `TerminalError`, which the handler may catch.
    """

    serde: Serde[T] = DefaultSerde()  # noqa: RUF009  (stateless)
    type_hint: type[T] | None = None
    """Type of the result; by default the action's return annotation."""
    max_attempts: int | None = None
    """Attempts in all, the first included."""
    max_duration: timedelta | None = None
    """Time since the first attempt after which no other follows."""
    initial_retry_interval: timedelta | None = None
    max_retry_interval: timedelta | None = None
    retry_interval_factor: float | None = None
    max_retry_duration: timedelta | None = None
    """Deprecated spelling of `max_duration`."""


@dataclass
class Request:
    """What the handler was invoked with. `body` is the raw input; `id` the invocation's id (`inv_...`)."""

    id: str
    headers: dict[str, str]
    attempt_headers: dict[str, str]
    body: bytes
    attempt_finished_event: AttemptFinishedEvent
    scope: str | None = None
    limit_key: str | None = None
    idempotency_key: str | None = None


class KeyValueStore(abc.ABC):
    """The state of one object: values by name. `entry_name` labels the journal entry for people."""

    __slots__ = ()

    @overload
    def get(self, name: str, *, entry_name: str | None = None) -> Awaitable[Any]: ...

    @overload
    def get(
        self,
        name: str,
        serde: Serde[T] = DefaultSerde(),
        type_hint: type[T] | None = None,
        entry_name: str | None = None,
    ) -> Awaitable[T | None]: ...

    @abc.abstractmethod
    def get(
        self,
        name: str,
        serde: Serde[T] = DefaultSerde(),
        type_hint: type[T] | None = None,
        entry_name: str | None = None,
    ) -> Awaitable[T | None]:
        """The value of a name, None if it has none."""

    @abc.abstractmethod
    def state_keys(self, entry_name: str | None = None) -> Awaitable[list[str]]:
        """The names that have a value."""

    @abc.abstractmethod
    def set(self, name: str, value: T, serde: Serde[T] = DefaultSerde(), entry_name: str | None = None) -> None:
        """Writes a value; it stays even if the handler fails later."""

    @abc.abstractmethod
    def clear(self, name: str, entry_name: str | None = None) -> None:
        """Deletes one name."""

    @abc.abstractmethod
    def clear_all(self, entry_name: str | None = None) -> None:
        """Deletes all names."""


class Context(abc.ABC):
    """What every handler can do."""

    __slots__ = ()

    @abc.abstractmethod
    def request(self) -> Request:
        """The request that started this invocation."""

    @abc.abstractmethod
    def random(self) -> Random:
        """A random generator that gives the same numbers on every replay. Not for secrets."""

    @abc.abstractmethod
    def uuid(self) -> UUID:
        """A random UUID, the same on every replay."""

    @abc.abstractmethod
    def time(self) -> RestateDurableFuture[float]:
        """Seconds since the epoch as they were when this was first executed."""

    @overload
    def run(
        self,
        name: str,
        action: Callable[..., Coroutine[Any, Any, T]],
        serde: Serde[T] = DefaultSerde(),
        max_attempts: int | None = None,
        max_retry_duration: timedelta | None = None,
        type_hint: type[T] | None = None,
        args: tuple[Any, ...] | None = None,
    ) -> RestateDurableFuture[T]: ...

    @overload
    def run(
        self,
        name: str,
        action: Callable[..., T],
        serde: Serde[T] = DefaultSerde(),
        max_attempts: int | None = None,
        max_retry_duration: timedelta | None = None,
        type_hint: type[T] | None = None,
        args: tuple[Any, ...] | None = None,
    ) -> RestateDurableFuture[T]: ...

    @abc.abstractmethod
    def run(
        self,
        name: str,
        action: RunAction[T],
        serde: Serde[T] = DefaultSerde(),
        max_attempts: int | None = None,
        max_retry_duration: timedelta | None = None,
        type_hint: type[T] | None = None,
        args: tuple[Any, ...] | None = None,
    ) -> RestateDurableFuture[T]:
        """Deprecated spelling of `run_typed`: the same block, with its options as arguments."""

    @overload
    def run_typed(
        self,
        name: str,
        action: Callable[P, Coroutine[Any, Any, T]],
        options: RunOptions[T] = RunOptions(),
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> RestateDurableFuture[T]: ...

    @overload
    def run_typed(
        self,
        name: str,
        action: Callable[P, T],
        options: RunOptions[T] = RunOptions(),
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> RestateDurableFuture[T]: ...

    @abc.abstractmethod
    def run_typed(
        self,
        name: str,
        action: Callable[P, Coroutine[Any, Any, T]] | Callable[P, T],
        options: RunOptions[T] = RunOptions(),
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> RestateDurableFuture[T]:
        """Runs `action(*args, **kwargs)` when awaited, and journals its result: once stored, it is not run again.

        Async actions run on the event loop, others in a thread. An action may run more than once if the process dies
        before its result is stored. It must not use the context.
        """

    @abc.abstractmethod
    def sleep(self, delta: timedelta, name: str | None = None) -> RestateDurableSleepFuture:
        """A timer that survives restarts."""

    @abc.abstractmethod
    def service_call(
        self,
        tpe: HandlerType[I, O],
        arg: I,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> RestateDurableCallFuture[O]:
        """Calls a service's handler."""

    @abc.abstractmethod
    def service_send(
        self,
        tpe: HandlerType[I, O],
        arg: I,
        send_delay: timedelta | None = None,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> SendHandle:
        """Invokes a service's handler without waiting for it, after `send_delay` if given."""

    @abc.abstractmethod
    def object_call(
        self,
        tpe: HandlerType[I, O],
        key: str,
        arg: I,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> RestateDurableCallFuture[O]:
        """Calls a handler of the object with this key."""

    @abc.abstractmethod
    def object_send(
        self,
        tpe: HandlerType[I, O],
        key: str,
        arg: I,
        send_delay: timedelta | None = None,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> SendHandle:
        """Invokes a handler of the object with this key without waiting for it, after `send_delay` if given."""

    @abc.abstractmethod
    def workflow_call(
        self,
        tpe: HandlerType[I, O],
        key: str,
        arg: I,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> RestateDurableCallFuture[O]:
        """Calls a handler of the workflow with this key.

        The main handler runs once per key: if it was begun before, the result is a `TerminalError` with status code
        409, and an idempotency key changes nothing of that.
        """

    @abc.abstractmethod
    def workflow_send(
        self,
        tpe: HandlerType[I, O],
        key: str,
        arg: I,
        send_delay: timedelta | None = None,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> SendHandle:
        """Invokes a handler of the workflow with this key without waiting for it, after `send_delay` if given."""

    @abc.abstractmethod
    def generic_call(
        self,
        service: str,
        handler: str,
        arg: bytes,
        key: str | None = None,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
        scope: str | None = None,
        limit_key: str | None = None,
    ) -> RestateDurableCallFuture[bytes]:
        """Calls a handler by name, bytes in and out.

        `scope` and `limit_key` belong to flow control, which this engine does not have: it fails the attempt (RT0024).
        """

    @abc.abstractmethod
    def generic_send(
        self,
        service: str,
        handler: str,
        arg: bytes,
        key: str | None = None,
        send_delay: timedelta | None = None,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
        scope: str | None = None,
        limit_key: str | None = None,
    ) -> SendHandle:
        """Invokes a handler by name without waiting for it; for `scope` and `limit_key` see `generic_call`."""

    @overload
    def awakeable(self) -> tuple[str, RestateDurableFuture[Any]]: ...

    @overload
    def awakeable(
        self, serde: Serde[T] = DefaultSerde(), type_hint: type[T] | None = None
    ) -> tuple[str, RestateDurableFuture[T]]: ...

    @abc.abstractmethod
    def awakeable(
        self, serde: Serde[T] = DefaultSerde(), type_hint: type[T] | None = None
    ) -> tuple[str, RestateDurableFuture[T]]:
        """An id to hand out, and the future that whoever holds it completes (over HTTP or from another handler)."""

    @abc.abstractmethod
    def resolve_awakeable(self, name: str, value: I, serde: Serde[I] = DefaultSerde()) -> None:
        """Completes the awakeable with this id."""

    @abc.abstractmethod
    def reject_awakeable(self, name: str, failure_message: str, failure_code: int = 500) -> None:
        """Fails the awakeable with this id: whoever awaits it gets a `TerminalError`."""

    @overload
    def signal(self, name: str) -> RestateDurableFuture[Any]: ...

    @overload
    def signal(
        self, name: str, serde: Serde[T] = DefaultSerde(), type_hint: type[T] | None = None
    ) -> RestateDurableFuture[T]: ...

    @abc.abstractmethod
    def signal(
        self, name: str, serde: Serde[T] = DefaultSerde(), type_hint: type[T] | None = None
    ) -> RestateDurableFuture[T]:
        """What another handler sends to this invocation under a name; it may come before anybody waits for it.

        Each future takes the next signal of the name: a second one waits for a second signal.
        """

    @abc.abstractmethod
    def resolve_signal(self, invocation_id: str, name: str, value: I, serde: Serde[I] = DefaultSerde()) -> None:
        """Sends a value to an invocation; one that has ended does not hear it."""

    @abc.abstractmethod
    def reject_signal(self, invocation_id: str, name: str, failure_message: str, failure_code: int = 500) -> None:
        """Sends a failure to an invocation: whoever awaits the signal gets a `TerminalError`."""

    @abc.abstractmethod
    def cancel_invocation(self, invocation_id: str) -> None:
        """Asks an invocation to cancel itself: its next await raises `TerminalError` with status code 409."""

    @overload
    def attach_invocation(self, invocation_id: str) -> RestateDurableFuture[Any]: ...

    @overload
    def attach_invocation(
        self, invocation_id: str, serde: Serde[T] = DefaultSerde(), type_hint: type[T] | None = None
    ) -> RestateDurableFuture[T]: ...

    @abc.abstractmethod
    def attach_invocation(
        self, invocation_id: str, serde: Serde[T] = DefaultSerde(), type_hint: type[T] | None = None
    ) -> RestateDurableFuture[T]:
        """The result of an invocation; a `TerminalError` with status code 404 if it is unknown or not kept."""


class ObjectContext(Context, KeyValueStore):
    """What an exclusive handler of a virtual object can do."""

    __slots__ = ()

    @abc.abstractmethod
    def key(self) -> str:
        """The object's key."""


class ObjectSharedContext(Context):
    """What a shared handler of a virtual object can do: state is read only, as it was when the attempt began."""

    __slots__ = ()

    @abc.abstractmethod
    def key(self) -> str:
        """The object's key."""

    @overload
    def get(self, name: str, *, entry_name: str | None = None) -> RestateDurableFuture[Any]: ...

    @overload
    def get(
        self,
        name: str,
        serde: Serde[T] = DefaultSerde(),
        type_hint: type[T] | None = None,
        entry_name: str | None = None,
    ) -> RestateDurableFuture[T | None]: ...

    @abc.abstractmethod
    def get(
        self,
        name: str,
        serde: Serde[T] = DefaultSerde(),
        type_hint: type[T] | None = None,
        entry_name: str | None = None,
    ) -> RestateDurableFuture[T | None]:
        """The value of a name, None if it has none."""

    @abc.abstractmethod
    def state_keys(self, entry_name: str | None = None) -> Awaitable[list[str]]:
        """The names that have a value."""


class WorkflowContext(ObjectContext):
    """What the main handler of a workflow can do."""

    __slots__ = ()

    @overload
    def promise(self, name: str) -> DurablePromise[Any]: ...

    @overload
    def promise(
        self, name: str, serde: Serde[T] = DefaultSerde(), type_hint: type[T] | None = None
    ) -> DurablePromise[T]: ...

    @abc.abstractmethod
    def promise(
        self, name: str, serde: Serde[T] = DefaultSerde(), type_hint: type[T] | None = None
    ) -> DurablePromise[T]:
        """The promise of this workflow with this name."""


class WorkflowSharedContext(ObjectSharedContext):
    """What the other handlers of a workflow can do, before, while and after the main one runs."""

    __slots__ = ()

    @overload
    def promise(self, name: str) -> DurablePromise[Any]: ...

    @overload
    def promise(
        self, name: str, serde: Serde[T] = DefaultSerde(), type_hint: type[T] | None = None
    ) -> DurablePromise[T]: ...

    @abc.abstractmethod
    def promise(
        self, name: str, serde: Serde[T] = DefaultSerde(), type_hint: type[T] | None = None
    ) -> DurablePromise[T]:
        """The promise of this workflow with this name."""
