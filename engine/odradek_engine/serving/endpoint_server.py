"""Serves an application to engines until a signal comes.

Streams live as long as their handlers wait: nothing here cuts one off for being silent or slow.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from odradek.endpoint import Application
from odradek_engine.asgi import EmbeddedServer
from odradek_engine.serving.either_http import EitherHttp

STOP_SECONDS_MAX: Final = 10
"""Attempts that cannot be suspended have so long to end; the engine takes broken ones up elsewhere."""
IDLE_SECONDS_MAX: Final = 3600
"""A connection that speaks HTTP/1.1 is closed when no request came for so long."""
PROBE_AFTER_SECONDS: Final = 60
PROBE_EVERY_SECONDS: Final = 20
PROBES_MAX: Final = 3
"""A connection whose other end answers none of the probes is closed."""


def serve_endpoint(application: Application, listener: socket.socket, started: Callable[[], None]) -> None:
    """Takes requests at a listening socket, which it closes at the end. SIGTERM and SIGINT stop it in good order.

    `started` is called on the event loop once it takes requests.
    """
    _notice_dead_engines(listener)
    with listener, asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(application, listener, started))


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.Loop


def _notice_dead_engines(listener: socket.socket) -> None:
    """A machine that vanishes says no goodbye; connections take these options over from the listener."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", PROBE_AFTER_SECONDS),
        ("TCP_KEEPINTVL", PROBE_EVERY_SECONDS),
        ("TCP_KEEPCNT", PROBES_MAX),
    ):
        option = getattr(socket, name, None)
        if option is not None:
            listener.setsockopt(socket.IPPROTO_TCP, option, value)


def new_server(app: ASGIApp) -> EmbeddedServer:
    """A server that speaks HTTP/2 and HTTP/1.1, and closes none of its streams for what it does not say."""
    return EmbeddedServer(
        uvicorn.Config(
            app,
            http=EitherHttp,
            ws="none",
            lifespan="on",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_keep_alive=IDLE_SECONDS_MAX,
            timeout_graceful_shutdown=STOP_SECONDS_MAX,
        )
    )


async def _serve(application: Application, listener: socket.socket, started: Callable[[], None]) -> None:
    server = new_server(application)
    loop = asyncio.get_running_loop()

    def stop() -> None:
        application.door().suspend_all()
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    serving = loop.create_task(server.serve([listener]))
    await server.ready.wait()
    started()
    await serving
