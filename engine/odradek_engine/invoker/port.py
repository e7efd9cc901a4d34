"""What runs handlers, as the engine's attempts see it, and what it may tell them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from odradek.protocol.attempt import EngineSide, HandlerSide
from odradek.protocol.messages import Entry, ErrorBehavior, Start
from odradek_engine.model.rows import AttemptFailure


class AttemptSide(EngineSide, Protocol):
    """A live attempt, for a handler that is reached through something that may fail on its own."""

    def when_taken(self, callback: Callable[[], None]) -> None:
        """Calls back when more may be sent: at once, unless much of what was sent is not durable yet."""

    def heard(self) -> None:
        """The handler is alive, though it said nothing that counts."""

    def fail(
        self, failure: AttemptFailure, delay_ms: int | None = None, behavior: ErrorBehavior = ErrorBehavior.RETRY
    ) -> None:
        """The attempt is over without the handler's word; with `delay_ms` the retry policy does not count it."""


class HandlerHost(Protocol):
    """Runs handlers: an application in this process, or a deployment behind a transport."""

    def start(
        self, service: str, handler: str, start: Start, journal: Sequence[Entry], engine: AttemptSide
    ) -> HandlerSide:
        """Opens an attempt; `journal` has `start.known_entries` entries, the first an `InputCommand`."""
