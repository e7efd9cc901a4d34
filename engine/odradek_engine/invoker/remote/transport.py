"""One request on its way to a deployment, whatever carries it.

A request is asked for with `Requests.request`; its `Receiver` then hears `opened` once, and after that the response in
order: `responded`, `received` any number of times, and one of `ended`, `refused` and `broken`. After `Stream.finish`,
`Stream.reset` or `Reservation.cancel` it hears nothing more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple, Protocol

UNSENT_BYTES: Final = 256 * 1024
"""Who writes to a stream that has so much unsent waits for `Receiver.writable`."""


class Timing(NamedTuple):
    """How patient a connection is, in seconds."""

    connect: float = 10.0
    ping_after: float = 40.0
    pong_within: float = 20.0
    idle: float = 300.0
    drain: float = 5.0
    check: float = 1.0
    """How often these are looked at."""


class RequestHead(NamedTuple):
    """Method, path below the deployment's address, and headers by lower-case name."""

    method: str
    path: str
    headers: Mapping[str, str]


class Stream(Protocol):
    """A request that is under way."""

    @property
    def unsent_bytes(self) -> int:
        """What was written and waits for the other side to take it."""

    def write(self, data: bytes) -> None:
        """Sends a part of the body. Never blocks; `Receiver.writable` follows when much was unsent."""

    def end(self) -> None:
        """The body is complete."""

    def consumed(self, count: int) -> None:
        """So many bytes of the response were worked off: the other side may send as many more."""

    def finish(self) -> None:
        """Ends the body if that is still open, and lets the response end by itself, unread, for a little while."""

    def reset(self) -> None:
        """Breaks the request off."""


class Receiver(Protocol):
    """Who made a request. No method may raise."""

    def opened(self, stream: Stream) -> None:
        """The request may be written."""

    def writable(self) -> None:
        """Much was unsent, little is now."""

    def responded(self, status: int, headers: Mapping[str, str]) -> None:
        """The response begins. Header names are in lower case."""

    def received(self, data: bytes) -> None:
        """A part of the response."""

    def ended(self) -> None:
        """The response is complete."""

    def refused(self) -> None:
        """The other side has not looked at the request and never will: it may be made again."""

    def broken(self, reason: str) -> None:
        """Nothing more will come."""


class Reservation(Protocol):
    """A request that was asked for."""

    def cancel(self) -> None:
        """It is not wanted any more; without effect once it was opened."""


class Requests(Protocol):
    """Where requests to one deployment are asked for."""

    def request(self, head: RequestHead, receiver: Receiver) -> Reservation:
        """Opens a request now, or when there is a connection with room for it."""
