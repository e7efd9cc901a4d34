"""What all connections of an ingress share: the open ones, the budget for bodies, the clock of their time-outs."""

from __future__ import annotations

import asyncio
from typing import Protocol

from odradek_engine.ingress.exchange import Application
from odradek_engine.ingress.limits import IngressLimits
from odradek_engine.observe.ingress import IngressCounters


class Connection(Protocol):
    """One client's connection, as the server sees it."""

    def enforce_timeouts(self) -> None:
        """Closes or refuses where the client takes too long."""

    def close_if_idle(self) -> None:
        """Closes now, or else after the responses that are due."""

    def drop(self) -> None:
        """Closes now."""


class Connections:
    """One for all connections of a server."""

    def __init__(self, application: Application, limits: IngressLimits, counters: IngressCounters) -> None:
        self.application = application
        self.limits = limits
        self.counters = counters
        self.open: set[Connection] = set()
        self.buffered_body_bytes = 0
        self.second = 0
        """Rises once a second; all time-outs count in it."""
        self.date_line = b""
        self.stopping = False
        self._empty: asyncio.Event | None = None

    def enforce_timeouts(self) -> None:
        """To be called once a second."""
        self.second += 1
        for connection in tuple(self.open):
            connection.enforce_timeouts()

    def left(self, connection: Connection) -> None:
        """A connection is gone."""
        self.open.discard(connection)
        self.counters.connections_closed += 1
        if not self.open and self._empty is not None:
            self._empty.set()

    def close_idle(self) -> None:
        """Closes the connections on which nothing runs."""
        for connection in tuple(self.open):
            connection.close_if_idle()

    def drop_all(self) -> None:
        """Closes all connections, whatever runs on them."""
        for connection in tuple(self.open):
            connection.drop()

    async def all_closed(self) -> None:
        """Returns when no connection is open."""
        if self.open:
            self._empty = asyncio.Event()
            await self._empty.wait()
