"""The server of `odradek serve`, over real sockets: both kinds of HTTP; engines that leave, stall or talk nonsense."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import ngh2
import pytest

from odradek_engine.asgi import EmbeddedServer
from odradek_engine.listening import listen
from odradek_engine.serving import either_http
from odradek_engine.serving.either_http import PREFACE
from odradek_engine.serving.endpoint_server import new_server
from odradek_engine.serving.http2_exchange import UNSENT_BYTES_MAX
from odradek_engine.serving.http2_server import STREAM_WINDOW_BYTES

MIB = 1024 * 1024
PATIENCE_SECONDS = 20.0
POST_HTTP1 = b"POST /some%20where?x=1 HTTP/1.1\r\nhost: here\r\ncontent-length: 3\r\n\r\nabc"
GOODBYE = b"HTTP/1.1 200 OK\r\n"
FIRST_STREAM = 1


def run(test: Coroutine[Any, Any, None]) -> None:
    async def within_reason() -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await test

    asyncio.run(within_reason())


class Application:
    """Does as a test says with each request, and remembers what it saw of it."""

    def __init__(self, behaviour: Callable[[Any, Any], Awaitable[None]]) -> None:
        self._behaviour = behaviour
        self.scopes: list[Any] = []
        self.left = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            self.scopes.append(scope)
            await self._behaviour(receive, send)
            return
        while (event := await receive())["type"] != "lifespan.shutdown":
            await send({"type": f"{event['type']}.complete"})
        await send({"type": "lifespan.shutdown.complete"})


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[tuple[int, EmbeddedServer]]:
    """Port, and the server."""
    listener = listen("the endpoint", "--bind", "127.0.0.1", 0)
    port = listener.getsockname()[1]
    server = new_server(app)
    running = asyncio.create_task(server.serve([listener]))
    await server.ready.wait()
    try:
        yield port, server
    finally:
        server.should_exit = True
        await running


class Http2Client:
    """A client that does what a test says and nothing by itself, such as to read on."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer
        self.http = ngh2.Connection(ngh2.Role.CLIENT, ngh2.Configuration(auto_window_update=False))
        self.http.initiate_connection()
        self.events: list[Any] = []

    @classmethod
    async def connect(cls, port: int) -> Http2Client:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    def request(self, body: bytes | None = None, *, last: bool = False) -> int:
        head = [
            (b":method", b"POST"),
            (b":scheme", b"http"),
            (b":authority", b"here"),
            (b":path", b"/some%20where?x=1"),
        ]
        stream = self.http.send_request(head)
        if body is not None:
            self.http.send_data(stream, body, end_stream=last)
        self.flush()
        return stream

    def flush(self) -> None:
        self.writer.write(self.http.data_to_send())

    async def next(self, kind: type) -> Any:
        """The next event of a kind."""
        while True:
            for position, event in enumerate(self.events):
                if isinstance(event, kind):
                    del self.events[position]
                    return event
            data = await self._reader.read(65536)
            if not data:
                raise EOFError
            self.http.receive_data(data)
            self.events += self.http.events()
            self.flush()

    async def seen_end(self) -> None:
        """The server closes the connection."""
        with pytest.raises(EOFError):
            await self.next(type(None))


async def respond(send: Any, body: bytes = b"") -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-is", b"here")]})
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def whole_body(receive: Any) -> bytes:
    body = b""
    while True:
        event = await receive()
        assert event["type"] == "http.request"
        body += event["body"]
        if not event["more_body"]:
            return body


async def echo(receive: Any, send: Any) -> None:
    body = await whole_body(receive)
    await respond(send)
    await send({"type": "http.response.body", "body": body, "more_body": False})


def test_both_kinds_of_http_on_one_port() -> None:
    async def test() -> None:
        app = Application(echo)
        async with serving(app) as (port, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(POST_HTTP1)
            assert (await reader.readuntil(b"0\r\n\r\n")).startswith(GOODBYE)
            client = await Http2Client.connect(port)
            client.request(b"abc", last=True)
            answer = await client.next(ngh2.ResponseReceived)
            assert (b":status", b"200") in answer.headers
            assert (b"x-is", b"here") in answer.headers
            assert (await client.next(ngh2.DataReceived)).data == b"abc"
            old, new = app.scopes
            assert [old["http_version"], new["http_version"]] == ["1.1", "2"]
            for name in ("method", "path", "raw_path", "query_string", "scheme", "root_path"):
                assert old[name] == new[name], name
            assert new["path"] == "/some where"
            assert dict(new["headers"])[b"host"] == b"here"
            assert new["client"][0] == new["server"][0] == "127.0.0.1"
            writer.close()
            client.writer.close()

    run(test())


def test_a_connection_that_begins_byte_by_byte() -> None:
    async def test() -> None:
        async with serving(Application(echo)) as (port, _):
            client = await Http2Client.connect(port)
            beginning = client.http.data_to_send()
            assert beginning.startswith(PREFACE)
            for byte in beginning:
                client.writer.write(bytes((byte,)))
                await client.writer.drain()
                await asyncio.sleep(0)
            client.request(b"abc", last=True)
            assert (await client.next(ngh2.DataReceived)).data == b"abc"
            client.writer.close()

    run(test())


@pytest.mark.parametrize("said", [b"", PREFACE[:8]])
def test_a_connection_that_does_not_say_enough_is_closed(said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(either_http, "SILENT_SECONDS_MAX", 0.05)

    async def test() -> None:
        async with serving(Application(echo)) as (port, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(said)
            assert await reader.read() == b""
            writer.close()

    run(test())


@pytest.mark.parametrize("how", ["http1", "http1 within the body", "http2", "http2 reset", "http2 reset unread"])
def test_an_engine_that_leaves_is_noticed_while_there_is_nothing_to_say(how: str) -> None:
    async def test() -> None:
        begun = asyncio.Event()

        async def wait_for_the_end(receive: Any, send: Any) -> None:
            await respond(send)
            begun.set()
            if how == "http2 reset unread":
                while not app.left.is_set():
                    try:
                        await send({"type": "http.response.body", "body": bytes(MIB), "more_body": True})
                    except OSError:
                        app.left.set()
                return
            while (await receive())["type"] != "http.disconnect":
                pass
            app.left.set()

        app = Application(wait_for_the_end)
        async with serving(app) as (port, _):
            if how.startswith("http1"):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(POST_HTTP1[: -1 if how.endswith("body") else None])
                await begun.wait()
                writer.close()
            else:
                client = await Http2Client.connect(port)
                stream = client.request(b"abc", last=True)
                await begun.wait()
                if "reset" in how:
                    client.http.reset_stream(stream)
                    client.flush()
                else:
                    client.writer.close()
            await app.left.wait()

    run(test())


def test_what_is_not_received_is_not_asked_for() -> None:
    payload = bytes(4 * STREAM_WINDOW_BYTES)

    async def test() -> None:
        may_receive = asyncio.Event()
        received: list[int] = []

        async def behave(receive: Any, send: Any) -> None:
            await respond(send)
            await may_receive.wait()
            received.append(len(await whole_body(receive)))
            await send({"type": "http.response.body", "more_body": False})

        async with serving(Application(behave)) as (port, _):
            client = await Http2Client.connect(port)
            held = client.request(payload, last=True)
            await client.next(ngh2.ResponseReceived)
            other = client.request(b"")
            while (await client.next(ngh2.ResponseReceived)).stream_id != other:
                pass
            assert client.http.queued_body_size(held) >= len(payload) - STREAM_WINDOW_BYTES
            may_receive.set()
            assert (await client.next(ngh2.StreamClosed)).stream_id == held
            assert received[0] == len(payload)
            client.writer.close()

    run(test())


def test_an_engine_that_does_not_read_holds_the_application_and_nobody_else() -> None:
    async def test() -> None:
        written: list[int] = []

        async def behave(receive: Any, send: Any) -> None:
            if len(app.scopes) > 1:
                await echo(receive, send)
                return
            await respond(send)
            for _ in range(100):
                await send({"type": "http.response.body", "body": bytes(UNSENT_BYTES_MAX), "more_body": True})
                written.append(UNSENT_BYTES_MAX)
            await send({"type": "http.response.body", "more_body": False})

        app = Application(behave)
        async with serving(app) as (port, _):
            client = await Http2Client.connect(port)
            held = client.request(b"", last=True)
            client.http.set_local_window_size(4 * MIB)
            await client.next(ngh2.ResponseReceived)
            other = client.request(b"abc", last=True)
            while (await client.next(ngh2.StreamClosed)).stream_id != other:
                pass
            assert sum(written) <= 4 * UNSENT_BYTES_MAX
            while len(written) < 100:
                event = await client.next(ngh2.DataReceived)
                client.http.acknowledge_received_data(len(event.data), event.stream_id)
                client.flush()
            client.http.reset_stream(held)
            client.flush()
            client.writer.close()

    run(test())


def test_what_runs_may_end_when_the_server_stops() -> None:
    async def test() -> None:
        release = asyncio.Event()

        async def behave(receive: Any, send: Any) -> None:
            await respond(send)
            await release.wait()
            await send({"type": "http.response.body", "body": b"done", "more_body": False})

        async with serving(Application(behave)) as (port, server):
            clients = [await Http2Client.connect(port) for _ in range(2)]
            idle_reader, idle_writer = await asyncio.open_connection("127.0.0.1", port)
            for client in clients:
                client.request(b"", last=True)
                await client.next(ngh2.ResponseReceived)
            server.should_exit = True
            for client in clients:
                assert (await client.next(ngh2.GoAwayReceived)).last_stream_id == FIRST_STREAM
                assert not client.http.can_send_request
            assert await idle_reader.read() == b""
            idle_writer.close()
            release.set()
            for client in clients:
                assert (await client.next(ngh2.DataReceived)).data == b"done"
                await client.seen_end()
                client.writer.close()

    run(test())


def test_what_does_not_end_is_cut_off_in_the_end(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        async def never_end(receive: Any, send: Any) -> None:
            await respond(send)
            await asyncio.Event().wait()

        async with serving(Application(never_end)) as (port, server):
            server.config.timeout_graceful_shutdown = 0
            client = await Http2Client.connect(port)
            client.request(b"", last=True)
            await client.next(ngh2.ResponseReceived)
        client.writer.close()

    with caplog.at_level(logging.INFO):
        run(test())
    assert "did not end in time" in caplog.text


@pytest.mark.parametrize("early", [True, False])
def test_an_application_that_fails_ends_its_own_stream(early: bool, caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        async def behave(receive: Any, send: Any) -> None:
            if len(app.scopes) > 1:
                await echo(receive, send)
                return
            if not early:
                await respond(send, b"some")
            raise LookupError("a planted failure")

        app = Application(behave)
        async with serving(app) as (port, _):
            client = await Http2Client.connect(port)
            client.request(b"", last=True)
            assert (await client.next(ngh2.StreamClosed)).error_code == 2
            client.request(b"abc", last=True)
            while (await client.next(ngh2.DataReceived)).data != b"abc":
                pass
            client.writer.close()

    run(test())
    assert "a planted failure" in caplog.text


@pytest.mark.parametrize(
    "nonsense", [PREFACE + bytes(100), PREFACE[:9] + b"nonsense\r\n\r\n", b"\0\1\2\3", b"GET\r\n\r\n"]
)
def test_nonsense_costs_its_own_connection_alone(nonsense: bytes) -> None:
    async def test() -> None:
        async with serving(Application(echo)) as (port, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(nonsense)
            await reader.read()
            writer.close()
            client = await Http2Client.connect(port)
            client.request(b"abc", last=True)
            assert (await client.next(ngh2.DataReceived)).data == b"abc"
            client.writer.close()

    run(test())
