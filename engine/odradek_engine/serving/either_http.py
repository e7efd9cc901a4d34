"""A connection whose first bytes tell which HTTP it speaks: HTTP/2 with prior knowledge, or else HTTP/1.1."""

from __future__ import annotations

import asyncio
from typing import Any, Final, cast

from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from odradek_engine.serving.http2_server import Http2Server

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SILENT_SECONDS_MAX: Final = 60
"""A new connection that says nothing, or not enough, is closed after this."""


class EitherHttp(asyncio.Protocol):
    """What uvicorn makes for each connection; it hands the connection over as soon as it knows whom to."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._config = config
        self._state = server_state
        self._app_state = app_state
        self._beginning = b""
        self._transport: asyncio.Transport
        self._patience: asyncio.TimerHandle
        self._among = cast(set[asyncio.Protocol], server_state.connections)
        """All connections of the server: each of them is told when it stops."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """There is a connection."""
        self._transport = cast(asyncio.Transport, transport)
        self._among.add(self)
        self._patience = asyncio.get_running_loop().call_later(SILENT_SECONDS_MAX, self._transport.close)

    def connection_lost(self, _error: Exception | None) -> None:
        """It is gone before it said enough."""
        self._leave()

    def _leave(self) -> None:
        self._patience.cancel()
        self._among.discard(self)

    def data_received(self, data: bytes) -> None:
        """The first bytes."""
        self._beginning += data
        if len(self._beginning) < len(PREFACE) and PREFACE.startswith(self._beginning):
            return
        self._leave()
        protocol: asyncio.Protocol
        if self._beginning.startswith(PREFACE):
            protocol = Http2Server(self._config.loaded_app, self._among, self._state.tasks)
        else:
            protocol = HttpToolsProtocol(self._config, self._state, self._app_state)
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        protocol.data_received(self._beginning)

    def shutdown(self) -> None:
        """The server stops."""
        self._transport.close()
