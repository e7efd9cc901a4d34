"""Opens attempts of an application's handlers in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextvars import copy_context
from typing import Any, Final

from odradek.declaration import ServiceDeclaration
from odradek.driver.attempt import NO_HEADERS, Attempt
from odradek.driver.value_codec import CodecSource
from odradek.entry_codec import JournalValueCodec, JournalValueCodecProvider
from odradek.handler import Handler
from odradek.protocol.attempt import EngineSide, HandlerEnvironment, HandlerSide
from odradek.protocol.messages import EngineMessage, Entry, Error, Start
from odradek.vm import Machine

SHOWN_KEY_LENGTH: Final = 100
NOT_FOUND: Final = 404


class InProcessEndpoint:
    """Implements `odradek.protocol.attempt.Endpoint` on the running event loop."""

    def __init__(
        self,
        services: Mapping[str, ServiceDeclaration],
        environment: HandlerEnvironment,
        codec: JournalValueCodec | JournalValueCodecProvider | None = None,
    ) -> None:
        self._environment = environment
        self._codec = None if codec is None else CodecSource(codec)
        self._surroundings = copy_context()
        self._handlers: dict[tuple[str, str], Handler[Any, Any]] = {
            (service.name, handler.name): handler
            for service in services.values()
            for handler in service.handlers.values()
        }

    def start(
        self, service: str, handler: str, start: Start, journal: Sequence[Entry], engine: EngineSide
    ) -> HandlerSide:
        """Opens an attempt; an unknown handler is answered with an `Error`.

        Raises `ValueError` if the journal is not of `start.known_entries` entries, the first an `InputCommand`.
        """
        found = self.find(service, handler)
        if found is None:
            return Refusal(f"this application has no handler {service}/{handler}", engine)
        return self.open(found, start, journal, engine)

    def find(self, service: str, handler: str) -> Handler[Any, Any] | None:
        """The handler of this name."""
        return self._handlers.get((service, handler))

    def open(
        self,
        handler: Handler[Any, Any],
        start: Start,
        journal: Sequence[Entry],
        engine: EngineSide,
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> Attempt:
        """Opens an attempt that came with these headers. Raises `ValueError` like `start`."""
        machine = Machine(_label(handler, start.key), start, journal)
        attempt = Attempt(handler, machine, engine, self._environment, self._surroundings, headers)
        attempt.codec_source = self._codec
        return attempt


def _label(handler: Handler[Any, Any], key: str) -> str:
    """Which handler this is, of which key: for messages to people."""
    if handler.kind is None:
        return handler.target
    shown = key if len(key) <= SHOWN_KEY_LENGTH else f"{key[:SHOWN_KEY_LENGTH]}..."
    return f"{handler.target} of key {shown!r}"


class Refusal:
    """An attempt that fails before any user code runs."""

    def __init__(self, reason: str, engine: EngineSide, code: int = NOT_FOUND) -> None:
        self._handle = asyncio.get_running_loop().call_soon(engine.send, (Error(code, reason),))

    def deliver(self, messages: Sequence[EngineMessage]) -> None:
        """Nothing waits."""

    def close_input(self) -> None:
        """Nothing waits."""

    def abort(self) -> None:
        """Takes the refusal back if it was not sent yet."""
        self._handle.cancel()
