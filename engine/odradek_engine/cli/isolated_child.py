"""`odradek serve-isolated`: the child process of a node that runs one of its applications (`--isolated`).

It serves at a socket that the node made, to the node alone, and ends with it. Over the line to the node it says why an
application cannot be loaded; from then on the line only tells whether the node is there.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from socket import socket
from typing import Final

import click

from odradek_engine.cli.parent_watch import leave_with_parent

COMPLAINT_BYTES_MAX: Final = 16 * 1024
"""So much fits into the line though nobody reads yet."""


@click.command("serve-isolated", hidden=True)
@click.argument("app_file", type=click.Path(path_type=Path), metavar="APP_FILE")
@click.option("--listener", type=int, required=True, help="Inherited file descriptor of the socket.")
@click.option("--line", type=int, required=True, help="Inherited file descriptor of the line to the node.")
@click.option("--log-filter", required=True)
@click.option("--log-format", required=True)
def serve_isolated(app_file: Path, listener: int, line: int, log_filter: str, log_format: str) -> None:
    """Serve an application to the node that has started this process.

    \b
    odradek serve-isolated app.py --listener=7 --line=8 --log-filter=info --log-format=pretty
    """
    leave_with_parent(line, signal.SIGKILL)
    from odradek.endpoint import Application
    from odradek_engine.application_file import BadApplication, load_application
    from odradek_engine.log_output import set_up_logging
    from odradek_engine.serving.endpoint_server import serve_endpoint
    from odradek_engine.watchdog import Watchdog

    set_up_logging(log_filter, log_format)
    try:
        loaded = load_application(app_file)
    except BadApplication as error:
        os.write(line, str(error).encode()[:COMPLAINT_BYTES_MAX])
        sys.exit(1)
    # The node is not asked for a signature here, and can always talk both ways.
    application = Application(loaded.services.values(), journal_value_codec=loaded.journal_value_codec)
    watchdog = Watchdog(f"every handler of {app_file}")
    serve_endpoint(application, socket(fileno=listener), watchdog.start)
    watchdog.stop()
