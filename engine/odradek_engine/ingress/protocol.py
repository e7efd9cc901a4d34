"""HTTP/1.1 framing: bytes to requests, responses to bytes, in order, for one connection.

Knows nothing of paths and handlers. Everything that a client can make it hold is bounded by `IngressLimits`; what is
beyond a bound is refused with a status and the connection is closed. No task and no future per request.
"""

from __future__ import annotations

import asyncio
from collections import deque
from http import HTTPStatus
from typing import Final, cast

import httptools

from odradek_engine.ingress.connections import Connections
from odradek_engine.ingress.exchange import Exchange, Request
from odradek_engine.ingress.responses import (
    BODY_TOO_LARGE,
    HEAD_TOO_LARGE,
    MALFORMED_HTTP,
    STOPPING,
    TOO_MANY_BODIES,
    TOO_MANY_CONNECTIONS,
    TOO_SLOW,
    Response,
)

_HEADER_OVERHEAD_BYTES: Final = 4
_SEPARATE_WRITE_BYTES: Final = 64 * 1024
"""A larger body is not copied behind its head."""
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_CLOSE: Final = b"connection: close\r\n"
_KEEP_ALIVE: Final = b"connection: keep-alive\r\n"
_UPGRADE_HEADERS: Final = (b"upgrade", b"http2-settings", b"expect")
"""Of a request that offers another protocol; no other is spoken here."""
_WITHOUT_BODY: Final = (204, 304)
_STATUS_LINES: Final = {int(status): f"HTTP/1.1 {int(status)} {status.phrase}\r\n".encode() for status in HTTPStatus}


class HttpConnection(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, shared: Connections) -> None:
        self._shared = shared
        self._limits = shared.limits
        self._transport: asyncio.Transport
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[Exchange] = deque()
        self._running: deque[Exchange] = deque()
        self._dispatching = False
        self._flush_scheduled = False
        self._unsent_bytes = 0
        self._reading_paused = False
        self._writing_paused = False
        self._discarding = False
        self._input_ended = False
        self._continue_due = False
        self._active_second = shared.second
        self._begin_message()
        self._in_message = False

    # --- the transport's side ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has come."""
        self._transport = cast(asyncio.Transport, transport)
        shared = self._shared
        shared.open.add(self)
        shared.counters.connections_created += 1
        if len(shared.open) > self._limits.connections:
            self._refuse(TOO_MANY_CONNECTIONS)
        elif shared.stopping:
            self._refuse(STOPPING)

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002
        """The client has left; what it asked for goes on without it."""
        self._shared.left(self)
        self._release_body_budget()
        self._abandon_running()
        self._discarding = True
        del self._parser  # it knows this connection: left so, each would wait for the cycle collector

    def eof_received(self) -> bool:
        """The client sends no more; what is answered within the linger time still reaches it."""
        if self._in_message or not self._running:
            return False
        self._discarding = self._input_ended = True
        self._active_second = self._shared.second
        (self._waiting or self._running)[-1].keep_alive = False
        return True

    def pause_writing(self) -> None:
        """The client does not take its responses."""
        self._writing_paused = True
        self._active_second = self._shared.second
        self._balance_reading()

    def resume_writing(self) -> None:
        """It does again."""
        self._writing_paused = False
        self._balance_reading()

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
        if self._discarding:
            return
        self._active_second = self._shared.second
        rest: bytes | None = data
        while rest:
            rest = self._feed(rest)
        if self._in_message and not self._discarding:
            self._bound_partial_message(len(data))
        if self._waiting:
            self._run_waiting()

    def _feed(self, data: bytes) -> bytes | None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._parser.get_method() != b"CONNECT":
                return self._head_without_upgrade() + data[upgrade.args[0] :]
            self._refuse(MALFORMED_HTTP)
        except httptools.HttpParserError:
            self._refuse(self._refusal or MALFORMED_HTTP)
        return None

    def _head_without_upgrade(self) -> bytes:
        """The head again for a fresh parser: this one would take the body for the other protocol's."""
        lines = [b"%b %b HTTP/1.1" % (self._parser.get_method(), self._target)]
        for name, value in self._headers:
            if name == b"connection":
                kept = [each for each in value.split(b",") if each.strip().lower() not in _UPGRADE_HEADERS]
                lines.append(b"connection: " + b",".join(kept))
            elif name not in _UPGRADE_HEADERS:
                lines.append(b"%b: %b" % (name, value))
        self._parser = httptools.HttpRequestParser(self)
        return b"\r\n".join((*lines, b"", b""))

    # --- the parser's side ---

    def _begin_message(self) -> None:
        self._in_message = True
        self._begin_second = self._shared.second
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._head_bytes = 0
        self._head_complete = False
        self._head_reads = 0
        self._unfinished_bytes = 0
        self._expects_continue = False
        self._body: bytes | list[bytes] = b""
        self._body_bytes = 0
        self._budgeted_bytes = 0
        self._refusal: Response | None = None

    def on_message_begin(self) -> None:
        """A request begins."""
        self._begin_message()

    def on_url(self, part: bytes) -> None:
        """The request target, or a part of it."""
        self._target += part
        self._head_bytes += len(part)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A whole header; those that follow a chunked body are counted and dropped."""
        self._head_bytes += len(name) + len(value) + _HEADER_OVERHEAD_BYTES
        if self._head_complete:
            if self._head_bytes > self._limits.head_bytes:
                self._stop_parsing(HEAD_TOO_LARGE)
            return
        name = name.lower()
        self._headers.append((name, value))
        if name == b"expect" and value.lower() == b"100-continue":
            self._expects_continue = True
        elif name == b"content-length" and int(value) > self._limits.body_bytes:
            self._stop_parsing(BODY_TOO_LARGE)

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._head_complete = True
        if self._head_bytes > self._limits.head_bytes or len(self._headers) > self._limits.headers:
            self._stop_parsing(HEAD_TOO_LARGE)
        if self._expects_continue:
            if self._running or self._waiting:
                self._continue_due = True
            else:
                self._transport.write(_CONTINUE)

    def on_body(self, part: bytes) -> None:
        """A part of the body."""
        self._body_bytes += len(part)
        if self._body_bytes > self._limits.body_bytes:
            self._stop_parsing(BODY_TOO_LARGE)
        if not self._body:
            self._body = part
        elif isinstance(self._body, list):
            self._body.append(part)
        else:
            self._body = [self._body, part]

    def on_message_complete(self) -> None:
        """The request is whole."""
        if self._parser.should_upgrade():
            return
        self._in_message = False
        self._continue_due = False
        if self._budgeted_bytes:
            self._release_body_budget()
        body = self._body
        parser = self._parser
        request = Request(
            parser.get_method(), self._target, self._headers, body if isinstance(body, bytes) else b"".join(body)
        )
        old_version = parser.get_http_version() == "1.0"
        self._waiting.append(Exchange(self, request, parser.should_keep_alive(), old_version))

    def _stop_parsing(self, refusal: Response) -> None:
        self._refusal = refusal
        raise ValueError("beyond a limit")

    # --- requests and responses ---

    def _run_waiting(self) -> None:
        running = self._running
        waiting = self._waiting
        self._dispatching = True
        while waiting and len(running) < self._limits.pipelined:
            exchange = waiting.popleft()
            running.append(exchange)
            if exchange.response is None:
                if self._shared.stopping:
                    exchange.send(STOPPING)
                else:
                    self._shared.application(exchange)
            if running[0].response is not None and (not waiting or len(running) == self._limits.pipelined):
                self._write_answered()
        self._dispatching = False
        if waiting or self._reading_paused:
            self._balance_reading()

    def answered(self, exchange: Exchange) -> None:
        """An exchange has its response: it goes out as soon as those before it have."""
        if self._dispatching:
            return
        if len(self._running) == 1:
            self._flush()
        elif self._running[0] is exchange and not self._flush_scheduled:
            self._flush_scheduled = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_scheduled = False
        self._write_answered()
        if self._waiting:
            self._run_waiting()
        elif self._continue_due and not self._running:
            self._continue_due = False
            self._transport.write(_CONTINUE)

    def _write_answered(self) -> None:
        running = self._running
        pieces: list[bytes] = []
        keep_alive = True
        while running and keep_alive and running[0].response is not None:
            exchange = running.popleft()
            keep_alive = self._render(exchange, pieces)
            exchange.connection = None
        if pieces:
            self._transport.write(b"".join(pieces) if len(pieces) > 1 else pieces[0])
        if not keep_alive:
            self._finish()

    def _render(self, exchange: Exchange, pieces: list[bytes]) -> bool:
        response = exchange.response
        assert response is not None
        keep_alive = exchange.keep_alive and not self._shared.stopping
        status = response.status
        body = response.body
        head = (_STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status) + self._shared.date_line
        head += response.headers + exchange.extra_headers
        if not keep_alive:
            head += _CLOSE
        elif exchange.old_version:
            head += _KEEP_ALIVE
        if status in _WITHOUT_BODY:
            pieces.append(head + b"\r\n")
            return keep_alive
        head += b"content-length: %d\r\n\r\n" % len(body)
        if not body or exchange.request.method == b"HEAD":
            pieces.append(head)
        elif len(body) < _SEPARATE_WRITE_BYTES:
            pieces.append(head + body)
        else:
            pieces.append(head)
            self._transport.write(b"".join(pieces))
            self._transport.write(body)
            pieces.clear()
        return keep_alive

    def _refuse(self, response: Response) -> None:
        """Answers what cannot be a request, after everything before it, and hears no more."""
        self._release_body_budget()
        self._discarding = True
        self._in_message = False
        request = Request(b"", b"", [], b"")
        self._waiting.append(Exchange(self, request, keep_alive=False, response=response))
        self._run_waiting()

    def _finish(self) -> None:
        self._abandon_running()
        if self._discarding and not self._input_ended and self._transport.can_write_eof():
            # Closing at once would reset the connection under a client that still sends, before it reads the answer.
            self._active_second = self._shared.second
            self._transport.write_eof()
        else:
            self._transport.close()

    def _abandon_running(self) -> None:
        """Nothing that runs here can be answered any more."""
        for exchange in self._running:
            exchange.leave()
        self._running.clear()
        self._waiting.clear()

    # --- bounds ---

    def _bound_partial_message(self, received: int) -> None:
        new_bytes = self._body_bytes - self._budgeted_bytes
        if new_bytes:
            self._budgeted_bytes += new_bytes
            self._shared.buffered_body_bytes += new_bytes
            if self._shared.buffered_body_bytes > self._limits.buffered_body_bytes:
                self._refuse(TOO_MANY_BODIES)
            return
        # The parser holds what it cannot name yet. The first read of a head may have brought other requests too.
        if self._head_complete or self._head_reads:
            self._unfinished_bytes += received
        self._head_reads += 1
        if self._unfinished_bytes > self._limits.head_bytes:
            self._refuse(HEAD_TOO_LARGE)

    def _release_body_budget(self) -> None:
        self._shared.buffered_body_bytes -= self._budgeted_bytes
        self._budgeted_bytes = 0

    def _balance_reading(self) -> None:
        pause = self._writing_paused or bool(self._waiting)
        if pause is self._reading_paused or self._transport.is_closing():
            return
        self._reading_paused = pause
        if pause:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def enforce_timeouts(self) -> None:
        """Closes or refuses where the client takes too long."""
        limits = self._limits
        silent_seconds = self._shared.second - self._active_second
        if self._writing_paused:
            unsent_bytes = self._transport.get_write_buffer_size()
            if unsent_bytes < self._unsent_bytes:
                self._active_second = self._shared.second
            elif silent_seconds > limits.write_seconds:
                self._transport.abort()
            self._unsent_bytes = unsent_bytes
        elif self._discarding:
            if silent_seconds > limits.linger_seconds:
                self._transport.abort()
        elif self._in_message:
            head_late = not self._head_complete and self._shared.second - self._begin_second > limits.head_seconds
            if head_late or (self._head_complete and silent_seconds > limits.body_seconds):
                self._refuse(TOO_SLOW)
        elif not self._running and silent_seconds > limits.idle_seconds:
            self._transport.close()

    def close_if_idle(self) -> None:
        """The server stops: closes now, or else after the responses that are due."""
        if not (self._running or self._waiting or self._in_message):
            self._transport.close()

    def drop(self) -> None:
        """The server does not wait any longer."""
        self._transport.abort()
