"""Serves an ASGI application in the running loop: no signal handlers, no access log, one clear error at the start."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from odradek_engine.listening import listen

CONCURRENT_REQUESTS: Final = 512
"""Connections and requests beyond it get 503."""
KEEP_ALIVE_SECONDS: Final = 75


class EmbeddedServer(uvicorn.Server):
    """uvicorn without its hold on the process."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the node's."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As ever; says when it is done."""
        await super().startup(sockets)
        self.ready.set()


class HttpServer:
    """An ASGI application on a port. `door` and `setting` name it in the error of a port that cannot be had."""

    def __init__(self, app: ASGIApp, door: str, setting: str) -> None:
        self._app = app
        self._door = door
        self._setting = setting
        self._server: EmbeddedServer | None = None
        self._serving: asyncio.Task[None] | None = None
        self.port = 0
        """The port that is listened on, once started."""

    async def start(self, host: str, port: int) -> None:
        """Takes requests from now on; raises `CannotListen`. Port 0 takes a free one."""
        listener = listen(self._door, self._setting, host, port)
        self.port = listener.getsockname()[1]
        self._server = EmbeddedServer(
            uvicorn.Config(
                self._app,
                lifespan="off",
                log_config=None,
                log_level="warning",
                access_log=False,
                server_header=False,
                http="httptools",
                ws="none",
                limit_concurrency=CONCURRENT_REQUESTS,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
            )
        )
        self._serving = asyncio.create_task(self._server.serve([listener]), name=self._door)
        await self._server.ready.wait()

    async def stop(self, deadline_seconds: float) -> None:
        """Takes nothing new; running requests may end until the deadline."""
        if self._server is None or self._serving is None:
            return
        self._server.config.timeout_graceful_shutdown = max(1, round(deadline_seconds))
        self._server.should_exit = True
        await self._serving
