"""One HTTP/1.1 connection to a deployment: one request after another, each answered before the next.

Request and response overlap as far as the other side lets them, but nothing relies on it. Reading stops while much of
a response is not worked off.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, cast

import httptools

from odradek_engine.invoker.remote.address import Address
from odradek_engine.invoker.remote.transport import UNSENT_BYTES, Receiver, RequestHead, Timing

UNCONSUMED_BYTES_MAX: Final = 2 * 1024 * 1024
"""So much of a response may wait to be worked off."""
HEAD_BYTES_MAX: Final = 64 * 1024
_WITHOUT_BODY: Final = ("GET", "HEAD")
_FIRST_FINAL_STATUS: Final = 200


class Http1Stream:
    """Implements `Stream`."""

    __slots__ = ("_connection", "chunked", "receiver", "request_ended", "responded", "unconsumed_bytes")

    def __init__(self, connection: Http1Connection, receiver: Receiver, *, chunked: bool) -> None:
        self._connection = connection
        self.receiver: Receiver | None = receiver
        self.chunked = chunked
        self.request_ended = False
        self.responded = False
        self.unconsumed_bytes = 0

    @property
    def unsent_bytes(self) -> int:
        """See `Stream`."""
        return self._connection.unsent_bytes

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


class Http1Connection(asyncio.Protocol):
    """See the module. `on_change`: called when there is room again, or none for ever."""

    def __init__(self, address: Address, timing: Timing, on_change: Callable[[Http1Connection], None]) -> None:
        self.open = False
        self._address = address
        self._timing = timing
        self._on_change = on_change
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._parser = httptools.HttpResponseParser(self)
        self._stream: Http1Stream | None = None
        self._served = 0
        self._headers: dict[str, str] = {}
        self._head_bytes = 0
        self._reading_paused = False
        self._patience: asyncio.TimerHandle | None = None
        self._end_reason = ""

    @property
    def has_room(self) -> bool:
        """Whether a request may be made."""
        return self.open and self._stream is None

    @property
    def usable(self) -> bool:
        """Whether there is room, or may be again."""
        return self.open

    @property
    def unsent_bytes(self) -> int:
        """What the transport has not got rid of."""
        return self._transport.get_write_buffer_size()

    def request(self, head: RequestHead, receiver: Receiver) -> None:
        """Makes a request; there must be room."""
        self._be_patient(None)
        chunked = head.method not in _WITHOUT_BODY
        stream = self._stream = Http1Stream(self, receiver, chunked=chunked)
        lines = [
            f"{head.method} {self._address.base_path}{head.path} HTTP/1.1",
            f"host: {self._address.authority}",
            *(f"{name}: {value}" for name, value in head.headers.items()),
        ]
        if chunked:
            lines.append("transfer-encoding: chunked")
        self._transport.write("\r\n".join((*lines, "", "")).encode("latin-1"))
        receiver.opened(stream)

    def close(self) -> None:
        """No further requests; the one that runs is lost."""
        self._end("the node is stopping")

    # --- the stream -------------------------------------------------------------------------------

    def write(self, stream: Http1Stream, data: bytes) -> None:
        """A part of the request's body."""
        if self._stream is stream and self.open and data:
            self._transport.write(b"%x\r\n%b\r\n" % (len(data), data))

    def end_request(self, stream: Http1Stream) -> None:
        """The request's body is complete."""
        if self._stream is stream and self.open and not stream.request_ended:
            stream.request_ended = True
            if stream.chunked:
                self._transport.write(b"0\r\n\r\n")

    def consume(self, stream: Http1Stream, count: int) -> None:
        """Lets the other side send more."""
        stream.unconsumed_bytes -= count
        if self._reading_paused and self.open and stream.unconsumed_bytes < UNCONSUMED_BYTES_MAX // 2:
            self._reading_paused = False
            self._transport.resume_reading()

    def drain(self, stream: Http1Stream) -> None:
        """Waits a while for the end of a response that nobody reads any more."""
        if self._stream is stream:
            self.end_request(stream)
            self.consume(stream, stream.unconsumed_bytes)
            self._be_patient(self._timing.drain)

    def reset(self, stream: Http1Stream) -> None:
        """Breaks the request off, and the connection with it."""
        if self._stream is stream:
            self._end("the request was broken off")

    # --- the transport's side ---------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """There is a connection."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=UNSENT_BYTES)
        self.open = True

    def data_received(self, data: bytes) -> None:
        """Bytes from the other side."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._end(self._end_reason or f"it does not keep to HTTP/1.1: {error}")

    def eof_received(self) -> None:
        """The other side says nothing more; a response without a length ends with that."""
        stream = self._stream
        unlimited = "content-length" not in self._headers and "chunked" not in self._headers.get(
            "transfer-encoding", ""
        )
        if stream is not None and stream.responded and self.open and unlimited:
            self._complete(keep_alive=False)

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone. A request on one that had idled may never have been seen: it is made again."""
        self.open = False
        self._be_patient(None)
        stream, self._stream = self._stream, None
        if stream is not None and stream.receiver is not None:
            if self._served and not stream.responded and not self._end_reason:
                stream.receiver.refused()
            else:
                reason = self._end_reason or (str(error) if error is not None else "") or "the connection was closed"
                stream.receiver.broken(f"{self._address}: {reason}")
        self._on_change(self)
        del self._parser  # it knows this connection: left so, each would wait for the cycle collector

    def resume_writing(self) -> None:
        """The other side takes more."""
        if self._stream is not None and self._stream.receiver is not None:
            self._stream.receiver.writable()

    # --- the parser's side ------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """A response begins."""
        self._headers = {}
        self._head_bytes = 0

    def on_header(self, raw_name: bytes, raw_value: bytes) -> None:
        """A whole header."""
        self._head_bytes += len(raw_name) + len(raw_value)
        if self._head_bytes > HEAD_BYTES_MAX:
            self._end_reason = "the head of its response is too large"
            raise ValueError(self._end_reason)
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        self._headers[name] = f"{self._headers[name]}, {value}" if name in self._headers else value

    def on_headers_complete(self) -> None:
        """The head is whole."""
        stream = self._stream
        status = self._parser.get_status_code()
        if stream is not None and status >= _FIRST_FINAL_STATUS:
            stream.responded = True
            if stream.receiver is not None:
                stream.receiver.responded(status, self._headers)

    def on_body(self, data: bytes) -> None:
        """A part of the body."""
        stream = self._stream
        if stream is None or stream.receiver is None:
            return
        stream.unconsumed_bytes += len(data)
        stream.receiver.received(data)
        if stream.unconsumed_bytes > UNCONSUMED_BYTES_MAX and self.open and not self._reading_paused:
            self._reading_paused = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        """The response is whole."""
        if self._parser.get_status_code() >= _FIRST_FINAL_STATUS:
            self._complete(keep_alive=self._parser.should_keep_alive())

    def _complete(self, *, keep_alive: bool) -> None:
        stream, self._stream = self._stream, None
        if stream is None:
            self._end("it answered what was not asked")
            return
        self._served += 1
        receiver = stream.receiver
        if keep_alive and stream.request_ended:
            self._be_patient(self._timing.idle)
        else:
            self._end("it was not kept alive")
        if receiver is not None:
            receiver.ended()
        if self.open:
            self._loop.call_soon(self._on_change, self)

    # --- the end ----------------------------------------------------------------------------------

    def _be_patient(self, seconds: float | None) -> None:
        """Ends the connection after so long; with None not at all."""
        if self._patience is not None:
            self._patience.cancel()
        self._patience = None if seconds is None else self._loop.call_later(seconds, self._end, "it took too long")

    def _end(self, reason: str) -> None:
        if self.open:
            self.open = False
            self._end_reason = reason
            self._be_patient(None)
            self._transport.close()
