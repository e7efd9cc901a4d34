"""`odradek serve`: an application as an endpoint that engines in other processes reach over HTTP/2 or HTTP/1.1."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from odradek_engine.cli.applications import check_applications

if TYPE_CHECKING:
    from h2corn import Config

    from odradek.endpoint import Application

DEFAULT_BIND: Final = "127.0.0.1:9080"
STOP_SECONDS_MAX: Final = 10.0
"""Attempts that cannot be suspended have so long to end; the engine takes broken ones up elsewhere."""
STREAMS_PER_CONNECTION: Final = 1024
PROBE_AFTER_SECONDS: Final = 60
PROBE_EVERY_SECONDS: Final = 20
PROBES_MAX: Final = 3
"""A connection whose other end answers none of the probes is closed."""


class Address(click.ParamType):
    """`HOST:PORT`, with IPv6 hosts in brackets; port 0 takes a free one."""

    name = "host:port"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        """Host and port."""
        if isinstance(value, tuple):
            return value
        host, _, port = str(value).rpartition(":")
        if not host or not port.isdecimal() or int(port) > 65535:
            self.fail(f"{value!r} is not HOST:PORT, such as {DEFAULT_BIND}", param, ctx)
        return host.removeprefix("[").removesuffix("]"), int(port)


@click.command()
@click.argument("app_file", type=click.Path(path_type=Path), metavar="APP_FILE")
@click.option("--bind", type=Address(), default=DEFAULT_BIND, show_default=True, help="Listen on this address.")
def serve(app_file: Path, bind: tuple[str, int]) -> None:
    """Serve your handlers to engines in other processes.

    An engine reaches them once the address is registered with it. SIGTERM and Ctrl-C stop it in good order: what only
    waits is suspended, and goes on wherever the application is served next.

    \b
    odradek serve app.py
    odradek serve app.py --bind 0.0.0.0:9080
    """
    from odradek_engine.application_file import BadApplication, load_application
    from odradek_engine.listening import CannotListen, listen

    check_applications([app_file])
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        application = load_application(app_file)
        listener = listen("the endpoint", "--bind", *bind)
    except (BadApplication, CannotListen) as error:
        raise click.ClickException(str(error)) from None
    _notice_dead_engines(listener)
    with listener, asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(application, listener))


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.Loop


def _server_config(listener: socket.socket) -> Config:
    """Streams live as long as their handlers wait: nothing may cut them off for being silent or slow."""
    from h2corn import Config

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


async def _serve(application: Application, listener: socket.socket) -> None:
    from h2corn import Server

    server = Server(application, _server_config(listener))
    loop = asyncio.get_running_loop()

    def stop() -> None:
        application.door().suspend_all()
        server.shutdown()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    serving = loop.create_task(server.serve())
    await server.wait_started()
    click.echo(_banner(application, listener))
    await serving


def _banner(application: Application, listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    return (
        f"Odradek serves {', '.join(application.services)} at {url}\n"
        f"Register it with an engine: odradek deployments register {url}"
    )
