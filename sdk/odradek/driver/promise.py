"""Durable promises as handlers of a workflow see them."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, TypeVar, cast

from odradek.driver.durable import DurableFuture, ValueFuture, raise_failure
from odradek.driver.misuse import serialize
from odradek.futures import DurablePromise
from odradek.protocol.messages import CompletePromiseCompletion, Failure
from odradek.serde import Serde
from odradek.vm.commands import promise

if TYPE_CHECKING:
    from odradek.driver.attempt import Attempt

T = TypeVar("T")


class CompletedFuture(DurableFuture[None]):
    """Whether a promise took its completion."""

    __slots__ = ()

    def _read(self, notification: Any) -> None:
        failure = cast(CompletePromiseCompletion, notification).failure
        if failure is not None:
            raise_failure(failure)


class WorkflowPromise(DurablePromise[T]):
    """A promise of the workflow's key."""

    __slots__ = ("_attempt",)

    def __init__(self, attempt: Attempt, name: str, serde: Serde[Any]) -> None:
        super().__init__(name, serde)
        self._attempt = attempt

    def value(self) -> ValueFuture[T]:
        """What the promise is completed with, as soon as it is."""
        number = promise.get(self._attempt.operate("promise.value"), self.name)
        return ValueFuture(self._attempt, number, f"promise {self.name!r}", self.serde)

    def peek(self) -> Awaitable[T | None]:
        """What the promise was completed with, None while it is open."""
        number = promise.peek(self._attempt.operate("promise.peek"), self.name)
        return ValueFuture(self._attempt, number, f"the peek of promise {self.name!r}", self.serde)

    def resolve(self, value: T) -> Awaitable[None]:
        """Completes the promise with a value."""
        raw = serialize(self._attempt, "promise.resolve", self.name, self.serde, value)
        return self._complete("promise.resolve", raw, None)

    def reject(self, message: str, code: int = 500) -> Awaitable[None]:
        """Completes the promise with a failure."""
        return self._complete("promise.reject", None, Failure(code, message))

    def _complete(self, operation: str, value: bytes | None, failure: Failure | None) -> CompletedFuture:
        number = promise.complete(self._attempt.operate(operation), self.name, value, failure)
        return CompletedFuture(self._attempt, number, f"the completion of promise {self.name!r}")
