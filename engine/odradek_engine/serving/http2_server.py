"""One HTTP/2 connection from an engine, on the event loop, by libnghttp2: every stream is one ASGI request.

Everything that is to go out in one turn of the loop leaves in one write. The library answers pings and settings, and
breaks off connections that flood it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, cast
from urllib.parse import unquote

import ngh2
from starlette.types import ASGIApp

from odradek_engine.serving.http2_exchange import UNSENT_BYTES_MAX, Http2Exchange

_log = logging.getLogger(__name__)

STREAMS_MAX: Final = 1024
"""Attempts at once on one connection."""
STREAM_WINDOW_BYTES: Final = 2 * 1024 * 1024
"""So much an engine may send on one stream before the application has received it."""
CONNECTION_WINDOW_BYTES: Final = 16 * 1024 * 1024
"""And on all streams of a connection together."""

_SETTINGS: Final = {
    ngh2.Setting.MAX_CONCURRENT_STREAMS: STREAMS_MAX,
    ngh2.Setting.INITIAL_WINDOW_SIZE: STREAM_WINDOW_BYTES,
}
_CONFIGURATION: Final = ngh2.Configuration(auto_window_update=False)
_NO_ERROR: Final = 0
_INTERNAL_ERROR: Final = 2


class Http2Server(asyncio.Protocol):
    """`connections`: all of the server, each of which has `shutdown`; `tasks`: its requests."""

    def __init__(self, app: ASGIApp, connections: set[asyncio.Protocol], tasks: set[asyncio.Task[None]]) -> None:
        self._app = app
        self._among = connections
        self._tasks = tasks
        self._http = ngh2.Connection(ngh2.Role.SERVER, _CONFIGURATION)
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._exchanges: dict[int, Http2Exchange] = {}
        self._full: set[int] = set()
        """Streams with much unsent, whose applications wait."""
        self._flush_scheduled = False
        self._writing_paused = False
        self._addresses: dict[str, Any] = {}

    # --- the transport's side ---------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """There is a connection; its first bytes follow."""
        self._transport = cast(asyncio.Transport, transport)
        self._among.add(self)
        for name, ours in (("client", "peername"), ("server", "sockname")):
            address = transport.get_extra_info(ours)
            self._addresses[name] = tuple(address[:2]) if isinstance(address, tuple) else None
        self._http.initiate_connection(_SETTINGS)
        self._http.set_local_window_size(CONNECTION_WINDOW_BYTES)
        self._flush_soon()

    def data_received(self, data: bytes) -> None:
        """Bytes from the engine."""
        try:
            self._http.receive_data(data)
        except ngh2.NGH2Error as error:
            _log.warning("an engine does not keep to HTTP/2: %s", error)
            self._flush()
            self._transport.close()
            return
        for event in self._http.events():
            react = _REACTIONS.get(type(event))
            if react is not None:
                react(self, event)
        self._flush_soon()

    def connection_lost(self, _error: Exception | None) -> None:
        """The engine has left."""
        self._among.discard(self)
        exchanges = list(self._exchanges.values())
        self._exchanges.clear()
        self._full.clear()
        for exchange in exchanges:
            exchange.lose()

    def pause_writing(self) -> None:
        """The engine takes nothing for now."""
        self._writing_paused = True

    def resume_writing(self) -> None:
        """It does again."""
        self._writing_paused = False
        self._flush_soon()

    def shutdown(self) -> None:
        """The server stops: no further requests; those that run may end."""
        self._http.send_goaway(_NO_ERROR)
        self._flush_soon()

    def _flush_soon(self) -> None:
        if not self._flush_scheduled:
            self._flush_scheduled = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_scheduled = False
        if self._writing_paused or self._transport.is_closing():
            return
        output = self._http.data_to_send()
        if output:
            self._transport.write(output)
        for number in [one for one in self._full if self._http.queued_body_size(one) <= UNSENT_BYTES_MAX // 2]:
            self._full.discard(number)
            self._exchanges[number].go_on()
        if not (self._http.want_read or self._http.want_write):
            self._transport.close()

    # --- the exchanges' side ----------------------------------------------------------------------

    def respond(self, number: int, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        """See `ResponseSide`."""
        with suppress(ngh2.NGH2Error):
            self._http.send_response(number, [(b":status", b"%d" % status), *headers])
            self._flush_soon()

    def write(self, number: int, data: bytes, *, last: bool) -> int:
        """See `ResponseSide`."""
        with suppress(ngh2.NGH2Error):
            self._http.send_data(number, data, end_stream=last)
            self._flush_soon()
        queued = self._http.queued_body_size(number)
        if queued > UNSENT_BYTES_MAX and number in self._exchanges:
            self._full.add(number)
        return queued

    def consumed(self, number: int, count: int) -> None:
        """See `ResponseSide`."""
        self._http.acknowledge_received_data(count, number)
        self._flush_soon()

    # --- requests ---------------------------------------------------------------------------------

    def _requested(self, event: ngh2.RequestReceived) -> None:
        exchange = Http2Exchange(self, event.stream_id)
        self._exchanges[event.stream_id] = exchange
        exchange.request_ended = event.end_stream
        scope = {**_scope(event.headers), **self._addresses}
        task = self._loop.create_task(self._serve(event.stream_id, exchange, scope))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, number: int, exchange: Http2Exchange, scope: dict[str, Any]) -> None:
        try:
            await self._app(scope, exchange.receive, exchange.send)
        except asyncio.CancelledError:
            _log.info("a request to %s did not end in time", scope["path"])
        except Exception:
            _log.exception("a request to %s fails", scope["path"])
        if self._exchanges.get(number) is exchange:
            if not exchange.response_ended:
                self._http.reset_stream(number, _INTERNAL_ERROR)
            elif not exchange.request_ended:
                self._http.reset_stream(number, _NO_ERROR)
            self._flush_soon()

    def _received(self, event: ngh2.DataReceived) -> None:
        exchange = self._exchanges.get(event.stream_id)
        if exchange is None:
            self._http.acknowledge_received_data(len(event.data), event.stream_id)
        else:
            exchange.feed(event.data, last=event.end_stream)

    def _trailed(self, event: ngh2.TrailersReceived) -> None:
        exchange = self._exchanges.get(event.stream_id)
        if exchange is not None:
            exchange.feed(b"", last=True)

    def _closed(self, event: ngh2.StreamClosed) -> None:
        exchange = self._exchanges.pop(event.stream_id, None)
        self._full.discard(event.stream_id)
        if exchange is not None:
            unread = exchange.lose()
            if unread:
                self._http.acknowledge_received_data(unread, event.stream_id)


def _scope(fields: tuple[tuple[bytes, bytes], ...]) -> dict[str, Any]:
    pseudo = {bytes(name): bytes(value) for name, value in fields if name.startswith(b":")}
    headers = [(bytes(name), bytes(value)) for name, value in fields if not name.startswith(b":")]
    if b":authority" in pseudo:
        headers.insert(0, (b"host", pseudo[b":authority"]))
    raw_path, _, query = pseudo.get(b":path", b"/").partition(b"?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "2",
        "method": pseudo[b":method"].decode("latin-1"),
        "scheme": pseudo.get(b":scheme", b"http").decode("latin-1"),
        "path": unquote(raw_path.decode("latin-1")),
        "raw_path": raw_path,
        "query_string": query,
        "root_path": "",
        "headers": headers,
    }


_REACTIONS: Final[Mapping[type, Callable[[Http2Server, Any], None]]] = {
    ngh2.RequestReceived: Http2Server._requested,
    ngh2.DataReceived: Http2Server._received,
    ngh2.TrailersReceived: Http2Server._trailed,
    ngh2.StreamClosed: Http2Server._closed,
}
