"""The two sides of an attempt, as the transports see them.

An attempt is one execution of a handler against the journal known so far. The engine opens it, both sides
exchange messages, and it ends with exactly one of `End`, `Suspension` or `Error` from the handler's side, or
with `abort` from the engine's, after which the handler's side says nothing more.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from odradek.protocol.messages import EngineMessage, Entry, HandlerMessage, Start

T = TypeVar("T")


class HandlerEnvironment(Protocol):
    """What a handler's side may take from the outside world."""

    def now_ms(self) -> int:
        """Wall clock, ms since the epoch."""

    def run_in_thread(self, function: Callable[[], T]) -> Awaitable[T]:
        """Runs blocking code off the loop."""

    def before_step(self, target: str, name: str) -> None:
        """A run block of a handler (`Service/handler`) is about to execute its action; what this raises counts as
        raised by the action."""


class EngineSide(Protocol):
    """Where the handler's side puts its messages."""

    def send(self, messages: Sequence[HandlerMessage]) -> None:
        """Takes all messages of one synchronous stretch of the handler, in order. Never blocks."""


class HandlerSide(Protocol):
    """A live attempt, as the engine holds it."""

    def deliver(self, messages: Sequence[EngineMessage]) -> None:
        """Hands over notifications and acknowledgements, in journal order. Never runs user code before it returns."""

    def close_input(self) -> None:
        """Nothing more will be delivered: the handler suspends as soon as it can only wait."""

    def abort(self) -> None:
        """The attempt is void: stop the user code and send nothing more."""


class Endpoint(Protocol):
    """Something that runs handlers: an application in this process now, a remote deployment behind the same calls."""

    def start(
        self, service: str, handler: str, start: Start, journal: Sequence[Entry], engine: EngineSide
    ) -> HandlerSide:
        """Opens an attempt; `journal` has `start.known_entries` entries, the first an `InputCommand`."""
