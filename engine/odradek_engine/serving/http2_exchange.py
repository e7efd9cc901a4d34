"""One request over HTTP/2, as an ASGI application sees it.

What the application does not receive is not acknowledged, so the other side stops sending; where the other side does
not read, `send` waits.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, Protocol

from starlette.types import Message

UNSENT_BYTES_MAX: Final = 64 * 1024
"""`send` waits while more of a response than this waits for the other side."""


class ResponseSide(Protocol):
    """The connection, as an exchange sees it."""

    def respond(self, number: int, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        """Begins a response."""

    def write(self, number: int, data: bytes, *, last: bool) -> int:
        """A part of its body; how many bytes of it wait now."""

    def consumed(self, number: int, count: int) -> None:
        """The other side may send so much more."""


class Http2Exchange:
    """`receive` and `send` are the application's; the rest is the connection's."""

    def __init__(self, connection: ResponseSide, number: int) -> None:
        self.responded = False
        self.response_ended = False
        self.request_ended = False
        self._connection = connection
        self._number = number
        self._parts: list[bytes] = []
        self._told_all = False
        self._lost = False
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None

    # --- the application's side -------------------------------------------------------------------

    async def receive(self) -> Message:
        """All of the body that has come since; behind its end, that the other side has left."""
        while not self._parts and not self._lost and (self._told_all or not self.request_ended):
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        if self._lost:
            return {"type": "http.disconnect"}
        body = b"".join(self._parts)
        self._parts.clear()
        self._told_all = self.request_ended
        if body:
            self._connection.consumed(self._number, len(body))
        return {"type": "http.request", "body": body, "more_body": not self._told_all}

    async def send(self, message: Any) -> None:
        """A part of the response. Raises `ConnectionResetError` where the other side has left."""
        if self._lost:
            raise ConnectionResetError("the other side has left")
        if message["type"] == "http.response.start":
            self.responded = True
            self._connection.respond(self._number, message["status"], list(message.get("headers", ())))
            return
        last = self.response_ended = not message.get("more_body", False)
        if self._connection.write(self._number, message.get("body", b""), last=last) > UNSENT_BYTES_MAX:
            self._writer = asyncio.get_running_loop().create_future()
            await self._writer
            if self._lost and not last:
                raise ConnectionResetError("the other side has left")

    # --- the connection's side --------------------------------------------------------------------

    def feed(self, data: bytes, *, last: bool) -> None:
        """A part of the request's body."""
        if data:
            self._parts.append(data)
        self.request_ended = last
        _wake(self._reader)

    def go_on(self) -> None:
        """The other side has taken enough of the response."""
        _wake(self._writer)

    def lose(self) -> int:
        """The stream is closed; how many bytes of it were never received."""
        self._lost = True
        _wake(self._reader)
        _wake(self._writer)
        unread = sum(map(len, self._parts))
        self._parts.clear()
        return unread


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)
