"""One HTTP/2 connection to a deployment, on the event loop.

Everything that is to go out in one turn of the loop leaves in one write. What the transport does not take stays with
the codec, and what the codec holds for a stream holds up whoever writes to it (`Stream.unsent_bytes`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from odradek_engine.invoker.remote import http2_codec as h2
from odradek_engine.invoker.remote.address import Address
from odradek_engine.invoker.remote.http2_codec import Http2Codec
from odradek_engine.invoker.remote.transport import UNSENT_BYTES, Receiver, RequestHead, Timing

STREAMS_MAX: Final = 128
"""Streams at once on one connection."""
REQUESTS_MAX: Final = 900
"""A connection takes so many requests in its life. Common servers drop one, and all that runs on it, after 1,000."""
HTTP1_ONLY: Final = "it answers with HTTP/1.1, not with HTTP/2"


class Http2Stream:
    """Implements `Stream`."""

    __slots__ = (
        "_connection",
        "draining_since",
        "id",
        "receiver",
        "request_ended",
        "response_ended",
        "unconsumed_bytes",
    )

    def __init__(self, connection: Http2Connection, number: int, receiver: Receiver) -> None:
        self._connection = connection
        self.id = number
        self.receiver: Receiver | None = receiver
        self.request_ended = False
        self.response_ended = False
        self.unconsumed_bytes = 0
        self.draining_since: float | None = None

    @property
    def unsent_bytes(self) -> int:
        """See `Stream`."""
        return self._connection.codec.queued_bytes(self.id)

    def write(self, data: bytes) -> None:
        """See `Stream`."""
        self._connection.write(self, data)

    def end(self) -> None:
        """See `Stream`."""
        self._connection.end_request(self)

    def consumed(self, count: int) -> None:
        """See `Stream`."""
        self._connection.consume(self, count)

    def finish(self) -> None:
        """See `Stream`."""
        self.receiver = None
        self._connection.drain(self)

    def reset(self) -> None:
        """See `Stream`."""
        self.receiver = None
        self._connection.reset(self)


class Http2Connection(asyncio.Protocol):
    """See the module. `on_change`: called when there may be more room, or none for ever."""

    def __init__(
        self,
        codec: Http2Codec,
        address: Address,
        timing: Timing,
        streams_max: int,
        on_change: Callable[[Http2Connection], None],
    ) -> None:
        self.codec = codec
        self.open = False
        self._address = address
        self._timing = timing
        self._streams_max = streams_max
        self._on_change = on_change
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._streams: dict[int, Http2Stream] = {}
        self._blocked: set[Http2Stream] = set()
        """Those with much unsent."""
        self._draining: dict[int, Http2Stream] = {}
        self._requests = 0
        self._leaving = False
        self._flush_scheduled = False
        self._writing_paused = False
        self._heard_anything = False
        self._last_heard = self._idle_since = self._loop.time()
        self._pinged_at: float | None = None
        self._check: asyncio.TimerHandle | None = None
        self._end_reason = ""

    @property
    def has_room(self) -> bool:
        """Whether another request may be opened."""
        return (
            self.open
            and not self._leaving
            and len(self._streams) < min(self._streams_max, self.codec.streams_max)
            and self._requests < REQUESTS_MAX
        )

    @property
    def usable(self) -> bool:
        """Whether there is room, or may be again."""
        return self.open and not self._leaving and self._requests < REQUESTS_MAX

    def request(self, head: RequestHead, receiver: Receiver) -> None:
        """Opens a request; there must be room."""
        address = self._address
        headers = [
            (b":method", head.method.encode()),
            (b":scheme", address.scheme.encode()),
            (b":authority", address.authority.encode()),
            (b":path", f"{address.base_path}{head.path}".encode()),
            *((name.encode("latin-1"), value.encode("latin-1")) for name, value in head.headers.items()),
        ]
        try:
            stream = Http2Stream(self, self.codec.open(headers), receiver)
        except h2.ConnectionBroken as error:
            self._retire()
            receiver.broken(str(error))
            return
        self._requests += 1
        self._streams[stream.id] = stream
        self._flush_soon()
        receiver.opened(stream)

    def close(self) -> None:
        """No further requests; those that run are lost."""
        if self.open:
            self.codec.close()
            self._end("the node is stopping")

    # --- streams ----------------------------------------------------------------------------------

    def write(self, stream: Http2Stream, data: bytes) -> None:
        """A part of a request's body."""
        self.codec.write(stream.id, data)
        if self.codec.queued_bytes(stream.id) >= UNSENT_BYTES:
            self._blocked.add(stream)
        self._flush_soon()

    def end_request(self, stream: Http2Stream) -> None:
        """A request's body is complete."""
        if not stream.request_ended:
            stream.request_ended = True
            self.codec.end(stream.id)
            self._flush_soon()
            if stream.response_ended:
                self._remove(stream)

    def consume(self, stream: Http2Stream, count: int) -> None:
        """Lets the other side send more."""
        if count:
            stream.unconsumed_bytes -= count
            self.codec.consumed(stream.id, count)
            self._flush_soon()

    def drain(self, stream: Http2Stream) -> None:
        """Waits a while for a response's end that nobody reads any more."""
        self.consume(stream, stream.unconsumed_bytes)
        self.end_request(stream)
        if not stream.response_ended:
            stream.draining_since = self._loop.time()
            self._draining[stream.id] = stream

    def reset(self, stream: Http2Stream) -> None:
        """Breaks a stream off."""
        if self._streams.get(stream.id) is stream:
            self.codec.reset(stream.id)
            self._remove(stream)

    def _remove(self, stream: Http2Stream) -> None:
        if self._streams.pop(stream.id, None) is None:
            return
        self._draining.pop(stream.id, None)
        self._blocked.discard(stream)
        self.consume(stream, stream.unconsumed_bytes)
        if not self._streams:
            self._idle_since = self._loop.time()
            if not self.usable:
                self._end("it takes no further requests")
        self._flush_soon()
        self._on_change(self)

    # --- the transport's side -----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """There is a connection."""
        self._transport = cast(asyncio.Transport, transport)
        self.open = True
        self._last_heard = self._idle_since = self._loop.time()
        self._check = self._loop.call_later(self._timing.check, self._look)
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Bytes from the other side."""
        self._last_heard = self._loop.time()
        if not self._heard_anything:
            self._heard_anything = True
            if data.startswith(b"HTTP/1."):
                self._end(HTTP1_ONLY)
                return
        try:
            events = self.codec.receive(data)
        except h2.ConnectionBroken as error:
            self._end(f"it does not keep to HTTP/2: {error}")
            return
        for event in events:
            _REACTIONS[type(event)](self, event)
        self._flush_soon()

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone."""
        self.open = False
        if self._check is not None:
            self._check.cancel()
        reason = self._end_reason or (str(error) if error is not None else "") or "the connection was closed"
        streams = list(self._streams.values())
        self._streams.clear()
        self._blocked.clear()
        self._draining.clear()
        for stream in streams:
            if stream.receiver is not None:
                stream.receiver.broken(f"{self._address}: {reason}")
        self._on_change(self)

    def pause_writing(self) -> None:
        """The other side takes nothing for now."""
        self._writing_paused = True

    def resume_writing(self) -> None:
        """It does again."""
        self._writing_paused = False
        self._flush_soon()

    # --- writing ----------------------------------------------------------------------------------

    def _flush_soon(self) -> None:
        if not self._flush_scheduled and self.open:
            self._flush_scheduled = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_scheduled = False
        if self._writing_paused or not self.open:
            return
        output = self.codec.output()
        if output:
            self._transport.write(output)
        for stream in [one for one in self._blocked if one.unsent_bytes <= UNSENT_BYTES // 2]:
            self._blocked.discard(stream)
            if stream.receiver is not None:
                stream.receiver.writable()
        if self.codec.finished:
            self._end("the other side ended the connection")

    def _retire(self) -> None:
        """Takes no further requests."""
        self._leaving = True
        if not self._streams:
            self._end("it takes no further requests")

    def _end(self, reason: str) -> None:
        """Closes the connection, with what is still to be said."""
        if self.open:
            self.open = False
            self._end_reason = reason
            output = self.codec.output()
            if output:
                self._transport.write(output)
            self._transport.close()

    # --- events -----------------------------------------------------------------------------------

    def _responded(self, event: h2.Responded) -> None:
        stream = self._streams.get(event.stream)
        if stream is not None and stream.receiver is not None:
            stream.receiver.responded(event.status, event.headers)

    def _received(self, event: h2.Received) -> None:
        count = len(event.data)
        stream = self._streams.get(event.stream)
        if stream is None:
            self.codec.consumed(event.stream, count)
            return
        stream.unconsumed_bytes += count
        if stream.receiver is not None:
            stream.receiver.received(event.data)
        else:
            self.consume(stream, count)

    def _ended(self, event: h2.Ended) -> None:
        stream = self._streams.get(event.stream)
        if stream is None:
            return
        stream.response_ended = True
        if stream.request_ended:
            self._remove(stream)
        if stream.receiver is not None:
            stream.receiver.ended()

    def _refused(self, event: h2.Refused) -> None:
        stream = self._streams.get(event.stream)
        if stream is not None:
            self._remove(stream)
            if stream.receiver is not None:
                stream.receiver.refused()

    def _closed(self, event: h2.Closed) -> None:
        stream = self._streams.get(event.stream)
        if stream is not None:
            self._remove(stream)
            if stream.receiver is not None and not stream.response_ended:
                stream.receiver.broken(f"{self._address}: {event.reason}")

    def _left(self, _event: h2.Leaving) -> None:
        self._retire()
        self._on_change(self)

    def _ponged(self, _event: h2.Ponged) -> None:
        self._pinged_at = None

    # --- patience ---------------------------------------------------------------------------------

    def _look(self) -> None:
        """Pings a silent connection, lets go of one that does not answer or is not needed, and of late responses."""
        timing = self._timing
        now = self._loop.time()
        self._check = self._loop.call_later(timing.check, self._look)
        for stream in [one for one in self._draining.values() if now - (one.draining_since or now) >= timing.drain]:
            self.reset(stream)
        if self._pinged_at is not None:
            if now - self._pinged_at >= timing.pong_within:
                self._end_reason = "it did not answer a ping"
                self._transport.abort()
        elif not self._streams:
            if now - self._idle_since >= timing.idle:
                self.codec.close()
                self._end("it was not needed")
        elif now - self._last_heard >= timing.ping_after:
            self._pinged_at = now
            self.codec.ping()
            self._flush_soon()


_REACTIONS: Final[Mapping[type, Callable[[Http2Connection, Any], None]]] = {
    h2.Responded: Http2Connection._responded,
    h2.Received: Http2Connection._received,
    h2.Ended: Http2Connection._ended,
    h2.Refused: Http2Connection._refused,
    h2.Closed: Http2Connection._closed,
    h2.Leaving: Http2Connection._left,
    h2.Ponged: Http2Connection._ponged,
}
