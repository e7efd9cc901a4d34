"""One HTTP/2 connection without I/O, from the client's side: bytes in, events out; requests in, bytes out.

Two libraries implement this, `http2_ngh2` and `http2_h2`; one set of tests runs over both. What the other side has no
window for is kept here and counted by `queued_bytes`; what it sends is acknowledged only by `consumed`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol, TypeAlias

STREAM_WINDOW_BYTES: Final = 2 * 1024 * 1024
"""So much the other side may send on one stream before it is worked off."""
CONNECTION_WINDOW_BYTES: Final = 5 * 1024 * 1024
"""And on all streams of a connection together."""
STREAMS_UNTIL_KNOWN: Final = 100
"""So many streams are opened before the other side has said how many it takes."""
HEADER_BYTES_MAX: Final = 64 * 1024

NO_ERROR: Final = 0
REFUSED_STREAM: Final = 7
CANCEL: Final = 8

Headers: TypeAlias = Sequence[tuple[bytes, bytes]]


class Responded(NamedTuple):
    """A response begins."""

    stream: int
    status: int
    headers: dict[str, str]


class Received(NamedTuple):
    """A part of a response."""

    stream: int
    data: bytes


class Ended(NamedTuple):
    """A response is complete."""

    stream: int


class Refused(NamedTuple):
    """The other side has not looked at a request and never will."""

    stream: int


class Closed(NamedTuple):
    """Nothing more happens on a stream; where its response was not complete, it is lost."""

    stream: int
    reason: str


class Leaving(NamedTuple):
    """The other side takes no further requests on this connection (GOAWAY)."""

    reason: str


class Ponged(NamedTuple):
    """The answer to a ping."""


Event: TypeAlias = Responded | Received | Ended | Refused | Closed | Leaving | Ponged


class ConnectionBroken(Exception):
    """The other side does not speak HTTP/2, or not well enough. The connection is of no use any more."""


class Http2Codec(Protocol):
    """See the module."""

    streams_max: int
    """How many streams the other side takes at once."""

    @property
    def finished(self) -> bool:
        """Whether the connection has nothing more to say and nothing to hear: it can be closed."""

    def receive(self, data: bytes) -> list[Event]:
        """What bytes from the other side mean. Raises `ConnectionBroken`."""

    def output(self) -> bytes:
        """Bytes for the other side."""

    def open(self, headers: Headers) -> int:
        """Begins a request; its stream's number. Raises `ConnectionBroken` where no stream can be opened any more."""

    def write(self, stream: int, data: bytes) -> None:
        """A part of a request's body; without effect on a stream that is closed, as is `end`."""

    def end(self, stream: int) -> None:
        """A request's body is complete."""

    def reset(self, stream: int) -> None:
        """Breaks a stream off; one that is closed already is left alone."""

    def queued_bytes(self, stream: int) -> int:
        """What was written and has not left by `output`."""

    def consumed(self, stream: int, count: int) -> None:
        """So many received bytes were worked off, or will never be; the stream may be closed already."""

    def ping(self) -> None:
        """Asks for a `Ponged`."""

    def close(self) -> None:
        """Says goodbye."""


def read_headers(headers: Sequence[tuple[bytes, bytes]]) -> tuple[int, dict[str, str]]:
    """Status, and headers by lower-case name; of a repeated one the values joined by commas."""
    status = 0
    found: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = bytes(raw_name).decode("latin-1"), bytes(raw_value).decode("latin-1")
        if name == ":status":
            status = int(value) if value.isascii() and value.isdigit() else 0
        elif not name.startswith(":"):
            found[name] = f"{found[name]}, {value}" if name in found else value
    return status, found
