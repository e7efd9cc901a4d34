"""`odradek serve`: an application as an endpoint that engines in other processes reach over HTTP/2 or HTTP/1.1."""

from __future__ import annotations

import logging
import signal
from pathlib import Path
from socket import socket
from typing import Final

import click

from odradek_engine.cli.applications import check_applications
from odradek_engine.cli.parent_watch import leave_with_parent

DEFAULT_BIND: Final = "127.0.0.1:9080"


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
@click.option("--listener", type=int, hidden=True)
@click.option("--parent-pipe", type=int, hidden=True)
def serve(app_file: Path, bind: tuple[str, int], listener: int | None, parent_pipe: int | None) -> None:
    """Serve your handlers to engines in other processes.

    An engine reaches them once the address is registered with it. SIGTERM and Ctrl-C stop it in good order: what only
    waits is suspended, and goes on wherever the application is served next.

    \b
    odradek serve app.py
    odradek serve app.py --bind 0.0.0.0:9080
    """
    from odradek_engine.application_file import BadApplication, load_application
    from odradek_engine.cli.endpoint_server import serve_endpoint
    from odradek_engine.listening import CannotListen, listen

    check_applications([app_file])
    if parent_pipe is not None:
        leave_with_parent(parent_pipe, signal.SIGKILL)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        application = load_application(app_file)
        inherited = None if listener is None else socket(fileno=listener)
        listening = inherited or listen("the endpoint", "--bind", *bind)
    except (BadApplication, CannotListen) as error:
        raise click.ClickException(str(error)) from None
    serve_endpoint(application, listening, announced=inherited is None)
