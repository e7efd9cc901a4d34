"""A service deployment that does as a test says, over real sockets: HTTP/2 by the library h2, HTTP/1.1 by hand."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Protocol

import httptools
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, PingReceived, RequestReceived, StreamEnded, StreamReset, WindowUpdated
from h2.exceptions import H2Error
from h2.settings import SettingCodes, Settings

from odradek.protocol.codec import CODECS, Codec, content_type
from odradek.protocol.framing import FrameReader

DEFAULT_WINDOW_BYTES = 65_535
PATIENCE_SECONDS = 20.0
"""So long a test waits for what must come."""


class Exchange(Protocol):
    """A request, as a behaviour sees it."""

    path: str
    headers: dict[str, str]

    async def read(self) -> bytes:
        """The next part of the body; empty at its end."""

    async def respond(self, status: int, headers: dict[str, str] | None = None) -> None: ...

    async def write(self, data: bytes) -> None: ...

    async def end(self) -> None: ...


Behaviour = Callable[[Any], Awaitable[None]]


class Body:
    def __init__(self) -> None:
        self.parts: asyncio.Queue[bytes] = asyncio.Queue()

    async def read(self) -> bytes:
        return await asyncio.wait_for(self.parts.get(), PATIENCE_SECONDS)


class Handler:
    """The service protocol over an exchange."""

    def __init__(self, exchange: Any) -> None:
        self.exchange = exchange
        kind = exchange.headers["content-type"]
        self.codec: Codec = next(codec for version, codec in CODECS.items() if content_type(version) == kind)
        self._reader = FrameReader()
        self._messages: list[Any] = []
        self.input_ended = False

    async def begin(self) -> list[Any]:
        """Answers 200; the start and the known entries."""
        await self.exchange.respond(200, {"content-type": content_type(self.codec.version)})
        start = await self.message()
        return [start, *[await self.message() for _ in range(start.known_entries)]]

    async def message(self) -> Any:
        """The engine's next message; None at the end of its input."""
        while not self._messages:
            data = await self.exchange.read()
            if not data:
                self.input_ended = True
                return None
            self._messages += [self.codec.decode(frame) for frame in self._reader.feed(data)]
        return self._messages.pop(0)

    async def say(self, *messages: Any) -> None:
        await self.exchange.write(b"".join(self.codec.encode(message) for message in messages))


# --- HTTP/2 ---------------------------------------------------------------------------------------


class Http2Exchange(Body):
    def __init__(self, connection: Http2Server, number: int, headers: dict[str, str]) -> None:
        super().__init__()
        self.connection = connection
        self.number = number
        self.headers = headers
        self.path = headers[":path"]
        self.was_reset = False

    async def respond(self, status: int, headers: dict[str, str] | None = None) -> None:
        fields = [(":status", str(status)), *(headers or {}).items()]
        self.connection.http.send_headers(self.number, fields)
        self.connection.flush()

    async def write(self, data: bytes) -> None:
        http = self.connection.http
        at = 0
        while at < len(data):
            room = min(http.local_flow_control_window(self.number), http.max_outbound_frame_size)
            if room:
                http.send_data(self.number, data[at : at + room])
                at += room
                self.connection.flush()
            else:
                self.connection.window_opened.clear()
                await asyncio.wait_for(self.connection.window_opened.wait(), PATIENCE_SECONDS)

    async def end(self) -> None:
        self.connection.http.end_stream(self.number)
        self.connection.flush()

    def reset(self, code: ErrorCodes = ErrorCodes.INTERNAL_ERROR) -> None:
        self.connection.http.reset_stream(self.number, code)
        self.connection.flush()


class Http2Server(asyncio.Protocol):
    def __init__(self, endpoint: FakeEndpoint) -> None:
        self.endpoint = endpoint
        self.http = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self._chosen = {SettingCodes[name]: value for name, value in endpoint.settings.items()}
        window = {SettingCodes.INITIAL_WINDOW_SIZE: DEFAULT_WINDOW_BYTES}
        self.http.local_settings = Settings(client=False, initial_values=self._chosen | window)
        self.exchanges: dict[int, Http2Exchange] = {}
        self.window_opened = asyncio.Event()
        self.unread: list[tuple[int, int]] = []
        """Bytes and their stream, which the other side may not send anew yet."""
        self.mute = False
        """Says nothing any more."""
        self.lost = False
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.endpoint.connections.append(self)
        self.http.initiate_connection()
        if SettingCodes.INITIAL_WINDOW_SIZE in self._chosen:
            self.http.update_settings(self._chosen)  # holds from the other side's acknowledgement on, as it must
        self.flush()

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        for exchange in self.exchanges.values():
            exchange.parts.put_nowait(b"")

    def flush(self) -> None:
        if not (self.mute or self.endpoint.mute):
            self.transport.write(self.http.data_to_send())

    def data_received(self, data: bytes) -> None:
        self.endpoint.received_bytes += len(data)
        try:
            events = self.http.receive_data(data)
        except H2Error:
            self.transport.close()
            return
        for event in events:
            self._happen(event)
        self.flush()

    def _happen(self, event: Any) -> None:
        match event:
            case RequestReceived():
                exchange = Http2Exchange(self, event.stream_id, dict(event.headers))
                self.exchanges[event.stream_id] = exchange
                self.endpoint.serve(exchange)
            case DataReceived():
                self.unread.append((event.flow_controlled_length, event.stream_id))
                if not self.endpoint.reads_nothing:
                    self.read()
                if event.data:
                    self.exchanges[event.stream_id].parts.put_nowait(event.data)
            case StreamEnded():
                self.exchanges[event.stream_id].parts.put_nowait(b"")
            case StreamReset():
                self.exchanges[event.stream_id].was_reset = True
                self.exchanges[event.stream_id].parts.put_nowait(b"")
            case WindowUpdated():
                self.window_opened.set()
            case PingReceived():
                self.endpoint.pings += 1

    def read(self) -> None:
        for count, stream in self.unread:
            self.http.acknowledge_received_data(count, stream)
        self.unread.clear()
        self.flush()

    def say_goaway(self, last_stream: int) -> None:
        """No further requests; what came after `last_stream` was not looked at."""
        self.transport.write(b"\0\0\x08\x07\0\0\0\0\0" + last_stream.to_bytes(4, "big") + bytes(4))


# --- HTTP/1.1 -------------------------------------------------------------------------------------


class Http1Exchange(Body):
    def __init__(self, connection: Http1Server, path: str, headers: dict[str, str]) -> None:
        super().__init__()
        self.connection = connection
        self.path = path
        self.headers = headers
        self.chunked = True

    async def respond(self, status: int, headers: dict[str, str] | None = None) -> None:
        fields = dict(headers or {})
        self.chunked = "content-length" not in fields and fields.get("connection") != "close"
        if self.chunked:
            fields["transfer-encoding"] = "chunked"
        lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
        self.connection.transport.write("\r\n".join(lines).encode())

    async def write(self, data: bytes) -> None:
        self.connection.transport.write(b"%x\r\n%b\r\n" % (len(data), data) if self.chunked else data)

    async def end(self) -> None:
        if self.chunked:
            self.connection.transport.write(b"0\r\n\r\n")


class Http1Server(asyncio.Protocol):
    def __init__(self, endpoint: FakeEndpoint) -> None:
        self.endpoint = endpoint
        self.parser = httptools.HttpRequestParser(self)
        self.transport: Any = None
        self.lost = False
        self.exchange: Http1Exchange | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.endpoint.connections.append(self)

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        if self.exchange is not None:
            self.exchange.parts.put_nowait(b"")

    def data_received(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.transport.write(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
            self.transport.close()

    def on_message_begin(self) -> None:
        self.target = b""
        self.headers: dict[str, str] = {}

    def on_url(self, part: bytes) -> None:
        self.target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode().lower()] = value.decode()

    def on_headers_complete(self) -> None:
        self.exchange = Http1Exchange(self, self.target.decode(), self.headers)
        self.endpoint.serve(self.exchange)

    def on_body(self, part: bytes) -> None:
        assert self.exchange is not None
        self.exchange.parts.put_nowait(part)

    def on_message_complete(self) -> None:
        assert self.exchange is not None
        self.exchange.parts.put_nowait(b"")


# --- the endpoint ---------------------------------------------------------------------------------


class FakeEndpoint:
    """`behaviour` gets every request's exchange. `settings`: HTTP/2's, by name."""

    def __init__(self, behaviour: Behaviour, *, http1: bool = False, **settings: int) -> None:
        self.behaviour = behaviour
        self.http1 = http1
        self.settings = settings
        self.connections: list[Any] = []
        self.exchanges: list[Any] = []
        self.received_bytes = 0
        self.pings = 0
        self.reads_nothing = False
        """Takes no more of a request than the first window."""
        self.mute = False
        """Says nothing any more."""
        self.port = 0
        self._loop: asyncio.AbstractEventLoop
        self._tasks: set[asyncio.Task[None]] = set()
        self.errors: list[BaseException] = []

    def serve(self, exchange: Any) -> None:
        self.exchanges.append(exchange)
        task = asyncio.get_running_loop().create_task(self._run(exchange))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, exchange: Any) -> None:
        try:
            await self.behaviour(exchange)
        except (H2Error, KeyError):
            return  # the stream is gone
        except Exception as error:
            self.errors.append(error)

    def in_its_loop(self, action: Callable[[], None]) -> None:
        """For a test in another thread than the endpoint's."""
        self._loop.call_soon_threadsafe(action)

    def read_again(self) -> None:
        """The other side may go on."""
        self.reads_nothing = False
        for connection in self.connections:
            connection.read()

    @asynccontextmanager
    async def listening(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
        """The address."""
        loop = self._loop = asyncio.get_running_loop()
        kind = Http1Server if self.http1 else Http2Server
        server = await loop.create_server(lambda: kind(self), "127.0.0.1", self.port, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield f"{'https' if tls else 'http'}://localhost:{self.port}"
        finally:
            server.close()
            for task in list(self._tasks):
                task.cancel()
            for connection in self.connections:
                connection.transport.abort()
            await asyncio.sleep(0)
        assert not self.errors, self.errors


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)
