"""`odradek serve`: an application as an endpoint that engines in other processes reach over HTTP/2 or HTTP/1.1."""

from __future__ import annotations

import logging
from pathlib import Path
from socket import socket
from typing import TYPE_CHECKING, Final

import click

from odradek_engine.cli.applications import check_applications

if TYPE_CHECKING:
    from odradek.endpoint import Application

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
    from odradek_engine.serving.endpoint_server import serve_endpoint

    check_applications([app_file])
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        application = load_application(app_file)
        listener = listen("the endpoint", "--bind", *bind)
    except (BadApplication, CannotListen) as error:
        raise click.ClickException(str(error)) from None
    serve_endpoint(application, listener, lambda: click.echo(_banner(application, listener)))


def _banner(application: Application, listener: socket) -> str:
    host, port = listener.getsockname()[:2]
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    return (
        f"Odradek serves {', '.join(application.services)} at {url}\n"
        f"Register it with an engine: odradek deployments register {url}"
    )
