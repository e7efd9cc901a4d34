"""The connections to one deployment: opened when they are needed, shared, closed when they are idle.

A request goes out on a connection with room, or waits in order for one. While nothing answers at the address, all who
wait are told so at once.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol, cast

from odradek_engine.invoker.remote.address import Address
from odradek_engine.invoker.remote.transport import Receiver, RequestHead

CONNECTIONS_MAX: Final = 128
"""Connections to one deployment; further requests wait for room."""
NO_HTTP2: Final = "it does not offer HTTP/2"
STOPPING: Final = "the node is stopping"


class Connection(Protocol):
    """A connection as the pool sees it."""

    open: bool

    @property
    def has_room(self) -> bool:
        """Whether another request may be made."""

    @property
    def usable(self) -> bool:
        """Whether there is room, or may be again."""

    def request(self, head: RequestHead, receiver: Receiver) -> None:
        """Makes a request; there must be room."""

    def close(self) -> None:
        """No further requests; those that run are lost."""


class Kind(NamedTuple):
    """A kind of connection."""

    make: Callable[[Callable[[Any], None]], Connection]
    """A new one, an `asyncio.Protocol`; it calls what it is given when it has room again, or none for ever."""
    requests_at_once: int
    connect_seconds: float
    tls: ssl.SSLContext | None = None
    alpn: str | None = None
    """What the other side must agree to over TLS."""


class WaitingRequest:
    """Implements `Reservation` for a request that waits for a connection."""

    __slots__ = ("head", "receiver")

    def __init__(self, head: RequestHead, receiver: Receiver) -> None:
        self.head = head
        self.receiver: Receiver | None = receiver

    def cancel(self) -> None:
        """See `Reservation`."""
        self.receiver = None


class ConnectionPool:
    """Implements `Requests`."""

    def __init__(self, address: Address, kind: Kind) -> None:
        self._address = address
        self._kind = kind
        self._connections: list[Connection] = []
        self._connecting: set[asyncio.Task[Connection | None]] = set()
        self._waiting: deque[WaitingRequest] = deque()
        self._closed = False

    @property
    def idle(self) -> bool:
        """Whether there is no connection, and none is being made."""
        return not self._connections and not self._connecting

    def request(self, head: RequestHead, receiver: Receiver) -> WaitingRequest:
        """See `Requests`."""
        request = WaitingRequest(head, receiver)
        if not self._waiting:
            for connection in self._connections:
                if connection.has_room:
                    connection.request(head, receiver)
                    return request
        self._waiting.append(request)
        if self._closed:
            self._refuse_waiting(STOPPING)
        else:
            self._connect_if_needed()
        return request

    async def close(self) -> None:
        """Ends every connection; requests under way are broken."""
        self._closed = True
        connecting = list(self._connecting)
        for task in connecting:
            task.cancel()
        await asyncio.gather(*connecting, return_exceptions=True)
        for connection in list(self._connections):
            connection.close()
        self._refuse_waiting(STOPPING)

    def _connect_if_needed(self) -> None:
        connecting = len(self._connecting)
        if (
            len(self._waiting) > connecting * self._kind.requests_at_once
            and connecting + len(self._connections) < CONNECTIONS_MAX
        ):
            task = asyncio.get_running_loop().create_task(self._connect())
            self._connecting.add(task)
            task.add_done_callback(self._connected)

    def _connected(self, task: asyncio.Task[Connection | None]) -> None:
        """An attempt to connect is over, and was given up if it has no connection."""
        self._connecting.discard(task)
        connection = None if task.cancelled() else task.result()
        if connection is None:
            if self._waiting and not self._closed and not self._may_have_room():
                self._connect_if_needed()  # they came when the others had been told
        elif connection.open:
            self._connections.append(connection)
            self._serve_waiting(connection)
        else:
            self._give_up("it closed the connection at once (is it of another HTTP version? See --use-http1.1)")

    async def _connect(self) -> Connection | None:
        address, kind = self._address, self._kind
        connection = kind.make(self._changed)
        try:
            async with asyncio.timeout(kind.connect_seconds):
                transport, _ = await asyncio.get_running_loop().create_connection(
                    lambda: cast(asyncio.Protocol, connection), address.host, address.port, ssl=kind.tls
                )
        except TimeoutError:
            self._give_up(f"it did not accept a connection within {kind.connect_seconds:g} s")
            return None
        except (OSError, UnicodeError) as error:  # `a..b` is no host name; asked for, it raises the latter
            self._give_up(str(error) or type(error).__name__)
            return None
        tls = transport.get_extra_info("ssl_object")
        if tls is not None and kind.alpn is not None and tls.selected_alpn_protocol() != kind.alpn:
            connection.close()
            self._give_up(NO_HTTP2)
            return None
        return connection

    def _give_up(self, reason: str) -> None:
        """No connection can be had now; those that are there may have room again."""
        if not self._may_have_room():
            self._refuse_waiting(f"{self._address}: {reason}")

    def _may_have_room(self) -> bool:
        return any(connection.usable for connection in self._connections)

    def _refuse_waiting(self, reason: str) -> None:
        waiting, self._waiting = self._waiting, deque()
        for request in waiting:
            if request.receiver is not None:
                request.receiver.broken(reason)

    def _changed(self, connection: Connection) -> None:
        if not connection.open and connection in self._connections:
            self._connections.remove(connection)
        self._serve_waiting(connection)

    def _serve_waiting(self, connection: Connection) -> None:
        waiting = self._waiting
        while waiting and connection.has_room:
            request = waiting.popleft()
            if request.receiver is not None:
                connection.request(request.head, request.receiver)
        if waiting and not self._closed:
            self._connect_if_needed()
