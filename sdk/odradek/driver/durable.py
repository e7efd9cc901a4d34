"""Durable futures: a key of the machine's arrivals, and how to read the notification that comes under it."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from odradek.driver.value_codec import decoded
from odradek.exceptions import TerminalError
from odradek.futures import RestateDurableCallFuture, RestateDurableFuture, RestateDurableSleepFuture, SendHandle
from odradek.protocol.future import NotificationKey
from odradek.protocol.messages import CallInvocationIdCompletion, Failure, GetLazyStateKeysCompletion
from odradek.serde import Serde
from odradek.vm import Wait
from odradek.vm.commands import cancel

if TYPE_CHECKING:
    from odradek.driver.attempt import Attempt

T = TypeVar("T")

_PENDING: Final = object()


def raise_failure(failure: Failure) -> None:
    """Raises a journaled failure as the `TerminalError` it was."""
    raise TerminalError(failure.message, failure.code, dict(failure.metadata) or None)


class DurableFuture(RestateDurableFuture[T]):
    """A future of any operation; subclasses differ in how they read the notification."""

    __slots__ = ("_result", "attempt", "key", "operation")

    def __init__(self, attempt: Attempt, key: NotificationKey, operation: str) -> None:
        self.attempt = attempt
        self.key = key
        self.operation = operation
        self._result: Any = _PENDING

    @property
    def is_completed(self) -> bool:
        """True if awaiting it would not block."""
        return self._result is not _PENDING or self.key in self.attempt.machine.arrivals.results

    def __await__(self) -> Generator[Any, Any, T]:
        if self._result is _PENDING:
            results = self.attempt.machine.arrivals.results
            if self.key not in results:
                yield from self.attempt.wait(Wait({self.key}), self.operation)
            notification: Any = results[self.key]
            if self.attempt.codec is not None:
                notification = yield from decoded(self.attempt.codec, notification).__await__()
            self._result = self._read(notification)
        return cast(T, self._result)

    def _read(self, notification: Any) -> Any:
        """The result that a notification carries; raises `TerminalError` for a failure."""
        raise NotImplementedError


class ValueFuture(DurableFuture[T]):
    """The result of a run block, call, state read or awakeable: bytes for a serde, a failure, or nothing."""

    __slots__ = ("_serde",)

    def __init__(self, attempt: Attempt, key: NotificationKey, operation: str, serde: Serde[Any]) -> None:
        self.attempt = attempt
        self.key = key
        self.operation = operation
        self._serde = serde
        self._result = _PENDING

    def _read(self, notification: Any) -> Any:
        if notification.failure is not None:
            raise_failure(notification.failure)
        return None if notification.value is None else self._serde.deserialize(notification.value)


class SignalFuture(ValueFuture[T]):
    """The next signal of a name. Several futures of one name take the signals in the order of the awaits."""

    __slots__ = ("_name", "_taken")

    def __init__(self, attempt: Attempt, name: str, serde: Serde[Any]) -> None:
        self.attempt = attempt
        self.operation = f"signal {name!r}"
        self._serde = serde
        self._result = _PENDING
        self._name = name
        self._taken: NotificationKey | None = None

    @property
    def key(self) -> NotificationKey:  # type: ignore[override]  # which signal it will be is open until it is taken
        """The signal that it takes, or would take now."""
        return self.attempt.machine.arrivals.next_signal(self._name) if self._taken is None else self._taken

    def _read(self, notification: Any) -> Any:
        if self._taken is None:
            self._taken = self.attempt.machine.arrivals.take_signal(self._name)
        return super()._read(notification)


class KnownValueFuture(ValueFuture[T]):
    """A state value that was known at once."""

    __slots__ = ("_value",)

    def __init__(self, attempt: Attempt, value: bytes | None, operation: str, serde: Serde[Any]) -> None:
        super().__init__(attempt, 0, operation, serde)
        self._value = value

    @property
    def is_completed(self) -> bool:
        """Always: the value came with the request."""
        return True

    def __await__(self) -> Generator[Any, Any, T]:
        if self._result is _PENDING:
            yield from self.attempt.keep_pace()
            value, codec = self._value, self.attempt.codec
            if value is not None and codec is not None:
                value = yield from codec.decode(value).__await__()
            self._result = None if value is None else self._serde.deserialize(value)
        return cast(T, self._result)


class KeysFuture(DurableFuture[list[str]]):
    """The state keys of an object."""

    __slots__ = ()

    def _read(self, notification: Any) -> list[str]:
        return names_of(cast(GetLazyStateKeysCompletion, notification).keys)

    def preset(self, keys: tuple[bytes, ...]) -> KeysFuture:
        """Completes it with keys that were known at once."""
        self._result = names_of(keys)
        return self


def names_of(keys: tuple[bytes, ...]) -> list[str]:
    """State keys as handlers name them."""
    return [key.decode() for key in keys]


class SleepFuture(DurableFuture[None], RestateDurableSleepFuture):
    """A timer."""

    __slots__ = ()

    def _read(self, _: Any) -> None:
        return None


class InvocationIdFuture(DurableFuture[str]):
    """The id of an invocation that was called or sent."""

    __slots__ = ()

    def _read(self, notification: Any) -> str:
        return cast(CallInvocationIdCompletion, notification).invocation_id


async def cancel_child(future: InvocationIdFuture) -> None:
    """Cancels a called or sent invocation once its id is known."""
    invocation_id = await future
    cancel.cancel(future.attempt.operate("cancel_invocation"), invocation_id)


class CallFuture(ValueFuture[T], RestateDurableCallFuture[T]):
    """The result of a call."""

    __slots__ = ("_invocation_id",)

    def __init__(
        self, attempt: Attempt, key: int, operation: str, serde: Serde[Any], invocation_id: InvocationIdFuture
    ) -> None:
        super().__init__(attempt, key, operation, serde)
        self._invocation_id = invocation_id

    async def invocation_id(self) -> str:
        """The id of the invocation that was called (`inv_...`)."""
        return await self._invocation_id

    async def cancel_invocation(self) -> None:
        """Cancels the invocation that was called."""
        await cancel_child(self._invocation_id)


class SentInvocation(SendHandle):
    """An invocation that was sent off."""

    __slots__ = ("_invocation_id",)

    def __init__(self, invocation_id: InvocationIdFuture) -> None:
        self._invocation_id = invocation_id

    async def invocation_id(self) -> str:
        """The id of the invocation that was sent (`inv_...`)."""
        return await self._invocation_id

    async def cancel_invocation(self) -> None:
        """Cancels the invocation that was sent."""
        await cancel_child(self._invocation_id)
