"""A request and the response to it, apart from the connection that carries them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol, TypeAlias

import msgspec

from odradek_engine.ingress.responses import Response


class Request(msgspec.Struct, gc=False):
    """A whole request. Header names are in lower case."""

    method: bytes
    target: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Answerable(Protocol):
    """A connection, as an exchange needs it."""

    def answered(self, exchange: Exchange) -> None:
        """An exchange has its response."""


class Awaited(Protocol):
    """The outcome of a request, while it is still to come."""

    def left(self) -> None:
        """The client does not wait for it any more."""


class Exchange(msgspec.Struct):
    """A request and its response to be. `connection` is None once the client has left or was answered."""

    connection: Answerable | None
    request: Request
    keep_alive: bool
    old_version: bool = False
    response: Response | None = None
    extra_headers: bytes = b""
    awaited: Awaited | None = None

    def forget_request(self) -> None:
        """The request is taken: nothing of it stays here while its outcome is awaited."""
        self.request = _TAKEN

    def leave(self) -> None:
        """The client has left before its answer."""
        self.connection = None
        awaited, self.awaited = self.awaited, None
        if awaited is not None:
            awaited.left()

    def send(self, response: Response, extra_headers: bytes = b"") -> None:
        """Answers; does nothing where nobody waits any more."""
        connection = self.connection
        if connection is not None and self.response is None:
            self.response = response
            self.extra_headers = extra_headers
            connection.answered(self)


Application: TypeAlias = Callable[[Exchange], None]
"""Takes a request and answers it now or later, on the loop's thread."""


_TAKEN: Final = Request(b"", b"", [], b"")
