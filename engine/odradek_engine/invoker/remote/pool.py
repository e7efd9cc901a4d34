"""The HTTP/2 connections to one deployment: opened when they are needed, shared, closed when they are idle.

A request goes out on a connection with room, or waits in order for one. While nothing answers at the address, all who
wait are told so at once.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from typing import Final

from odradek_engine.invoker.remote.address import Address
from odradek_engine.invoker.remote.http2_codec import Http2Codec
from odradek_engine.invoker.remote.http2_connection import STREAMS_MAX, Http2Connection, Timing
from odradek_engine.invoker.remote.transport import Receiver, RequestHead

CONNECTIONS_MAX: Final = 64
"""Connections to one deployment; further requests wait for room."""
ALPN: Final = "h2"
NO_HTTP2: Final = "it does not offer HTTP/2"


class WaitingRequest:
    """Implements `Reservation` for a request that waits for a connection."""

    __slots__ = ("head", "receiver")

    def __init__(self, head: RequestHead, receiver: Receiver) -> None:
        self.head = head
        self.receiver: Receiver | None = receiver

    def cancel(self) -> None:
        """See `Reservation`."""
        self.receiver = None


class Http2Pool:
    """Implements `Requests`. `tls`: for `https` addresses."""

    def __init__(
        self,
        address: Address,
        new_codec: Callable[[], Http2Codec],
        timing: Timing,
        streams_max: int = STREAMS_MAX,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._address = address
        self._new_codec = new_codec
        self._timing = timing
        self._streams_max = streams_max
        self._tls = tls
        self._connections: list[Http2Connection] = []
        self._connecting: set[asyncio.Task[None]] = set()
        self._waiting: deque[WaitingRequest] = deque()
        self._closed = False

    def request(self, head: RequestHead, receiver: Receiver) -> WaitingRequest:
        """See `Requests`."""
        request = WaitingRequest(head, receiver)
        if self._closed:
            self._waiting.append(request)
            self._refuse_waiting("the node is stopping")
            return request
        if not self._waiting:
            for connection in self._connections:
                if connection.has_room:
                    connection.request(head, receiver)
                    return request
        self._waiting.append(request)
        self._connect_if_needed()
        return request

    @property
    def idle(self) -> bool:
        """Whether there is no connection, and none is being made."""
        return not self._connections and not self._connecting

    async def close(self) -> None:
        """Ends every connection; requests under way are broken."""
        self._closed = True
        for task in self._connecting:
            task.cancel()
        await asyncio.gather(*self._connecting, return_exceptions=True)
        for connection in list(self._connections):
            connection.close()
        self._refuse_waiting("the node is stopping")

    def _connect_if_needed(self) -> None:
        open_or_opening = len(self._connections) + len(self._connecting)
        if len(self._waiting) > len(self._connecting) * self._streams_max and open_or_opening < CONNECTIONS_MAX:
            task = asyncio.get_running_loop().create_task(self._connect())
            self._connecting.add(task)
            task.add_done_callback(self._connecting.discard)

    async def _connect(self) -> None:
        connection = Http2Connection(self._new_codec(), self._address, self._timing, self._streams_max, self._changed)
        address = self._address
        try:
            async with asyncio.timeout(self._timing.connect):
                transport, _ = await asyncio.get_running_loop().create_connection(
                    lambda: connection, address.host, address.port, ssl=self._tls
                )
        except TimeoutError:
            self._give_up(f"it did not accept a connection within {self._timing.connect:g} s")
            return
        except OSError as error:
            self._give_up(str(error))
            return
        tls = transport.get_extra_info("ssl_object")
        if tls is not None and tls.selected_alpn_protocol() != ALPN:
            connection.close()
            self._give_up(NO_HTTP2)
            return
        self._connections.append(connection)
        self._serve_waiting(connection)

    def _give_up(self, reason: str) -> None:
        """No connection can be had now; those that are there may have room again."""
        if not any(connection.usable for connection in self._connections):
            self._refuse_waiting(f"{self._address}: {reason}")

    def _refuse_waiting(self, reason: str) -> None:
        waiting, self._waiting = self._waiting, deque()
        for request in waiting:
            if request.receiver is not None:
                request.receiver.broken(reason)

    def _changed(self, connection: Http2Connection) -> None:
        if not connection.open and connection in self._connections:
            self._connections.remove(connection)
        self._serve_waiting(connection)

    def _serve_waiting(self, connection: Http2Connection) -> None:
        waiting = self._waiting
        while waiting and connection.has_room:
            request = waiting.popleft()
            if request.receiver is not None:
                connection.request(request.head, request.receiver)
        if waiting:
            self._connect_if_needed()
