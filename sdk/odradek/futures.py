"""What a handler gets back for things that take their time: durable futures and handles of sends.

Await them, each as often as needed, or pass several to `odradek.gather`, `select`, `as_completed`, `wait_completed`.
"""

from __future__ import annotations

import abc
from collections.abc import Awaitable, Generator
from typing import Any, Generic, TypeVar

from odradek.serde import DefaultSerde, Serde

T = TypeVar("T")


class RestateDurableFuture(Generic[T], Awaitable[T]):
    """A result that survives crashes. Awaiting it raises `TerminalError` if the operation failed for good."""

    __slots__ = ()

    @abc.abstractmethod
    def __await__(self) -> Generator[Any, Any, T]:
        """The result, as soon as it is in the journal."""


class RestateDurableCallFuture(RestateDurableFuture[T]):
    """The result of a call to another handler."""

    __slots__ = ()

    @abc.abstractmethod
    async def invocation_id(self) -> str:
        """The id of the invocation that was called (`inv_...`)."""

    @abc.abstractmethod
    async def cancel_invocation(self) -> None:
        """Cancels the invocation that was called."""


class RestateDurableSleepFuture(RestateDurableFuture[None]):
    """A durable timer."""

    __slots__ = ()

    @abc.abstractmethod
    def __await__(self) -> Generator[Any, Any, None]:
        """Returns when the timer is due."""


class SendHandle(abc.ABC):
    """An invocation that was sent off and is not waited for."""

    __slots__ = ()

    @abc.abstractmethod
    async def invocation_id(self) -> str:
        """The id of the invocation that was sent (`inv_...`)."""

    @abc.abstractmethod
    async def cancel_invocation(self) -> None:
        """Cancels the invocation that was sent."""


class DurablePromise(abc.ABC, Generic[T]):
    """A promise of a workflow, which lives as long as the workflow is retained: completed once, awaited by anybody.

    Any handler of the workflow's key can do either. Completing it again raises `TerminalError` with status code 409.
    """

    __slots__ = ("name", "serde")

    def __init__(self, name: str, serde: Serde[T] = DefaultSerde()) -> None:
        self.name = name
        self.serde = serde

    @abc.abstractmethod
    def resolve(self, value: T) -> Awaitable[None]:
        """Completes the promise with a value."""

    @abc.abstractmethod
    def reject(self, message: str, code: int = 500) -> Awaitable[None]:
        """Completes the promise with a failure: whoever awaits it gets a `TerminalError`."""

    @abc.abstractmethod
    def peek(self) -> Awaitable[T | None]:
        """What the promise was completed with, None while it is open."""

    @abc.abstractmethod
    def value(self) -> RestateDurableFuture[T]:
        """What the promise is completed with, as soon as it is."""

    def __await__(self) -> Generator[Any, Any, T]:
        return self.value().__await__()


class AttemptFinishedEvent(abc.ABC):
    """Set when the attempt is over in any way; then resources tied to it may be let go."""

    __slots__ = ()

    @abc.abstractmethod
    def is_set(self) -> bool:
        """True once the attempt is over."""

    @abc.abstractmethod
    async def wait(self) -> None:
        """Returns when the attempt is over."""
