"""Serves an application to engines until a signal comes: the server library, set for streams that live long."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable
from typing import Final

from h2corn import Config, Server

from odradek.endpoint import Application

STOP_SECONDS_MAX: Final = 10.0
"""Attempts that cannot be suspended have so long to end; the engine takes broken ones up elsewhere."""
STREAMS_PER_CONNECTION: Final = 1024
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


def _server_config(listener: socket.socket) -> Config:
    """Streams live as long as their handlers wait: nothing may cut them off for being silent or slow."""
    return Config(
        bind=(f"fd://{listener.fileno()}",),
        access_log=False,
        max_concurrent_streams=STREAMS_PER_CONNECTION,
        max_request_body_size=0,
        timeout_request_body_idle=0,
        timeout_keep_alive=0,
        h2_timeout_response_stall=0,
        h2_timeout_write=0,
        timeout_graceful_shutdown=STOP_SECONDS_MAX,
    )


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


async def _serve(application: Application, listener: socket.socket, started: Callable[[], None]) -> None:
    server = Server(application, _server_config(listener))
    loop = asyncio.get_running_loop()

    def stop() -> None:
        application.door().suspend_all()
        server.shutdown()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    serving = loop.create_task(server.serve())
    await server.wait_started()
    started()
    await serving
