"""The peer: Restate's own server and Python SDK, in their published packages, kept in the project's cache.

It runs the same application text but for the import line, behind hypercorn as Restate's documentation has it. Server
and handlers are as they come, but for ports, directories and telemetry.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.admin import Admin
from bench.servers.odradek import APPLICATION, REPOSITORY
from bench.servers.process import free_ports, running
from bench.servers.server import HOST, Server

SERVER_PACKAGE = "@restatedev/restate-server@1.7.12"
PYTHON_PACKAGES = ("restate-sdk==1.3.0", "hypercorn==0.18.0")
OUR_IMPORT = "import odradek as durable\n"
THEIR_IMPORT = "import restate as durable\n"
KAFKA_CLUSTER = "bench"

_CONFIGURATION = """base-dir = "{data}"
bind-ip = "127.0.0.1"
bind-port = {node}
disable-telemetry = true
[admin]
bind-port = {admin}
[ingress]
bind-port = {ingress}
"""
_KAFKA = """[[ingress.kafka-clusters]]
name = "{name}"
brokers = ["PLAINTEXT://{brokers}"]
"""


class NotInstallable(Exception):
    """The peer cannot be had here; the text says why."""


def cache_directory() -> Path:
    """Where the peer is installed, once."""
    return Path(os.environ.get("ODRADEK_CACHE", REPOSITORY / ".cache")) / "bench"


@contextlib.contextmanager
def restate(directory: Path, brokers: str | None) -> Iterator[Server]:
    """The peer, with the measured application registered. Raises `NotInstallable`, `DidNotStart`."""
    binary, python = _install(cache_directory() / "restate")
    directory.mkdir(parents=True)
    ingress, admin, node, handlers = free_ports(4)
    configuration = _CONFIGURATION.format(data=directory / "data", node=node, admin=admin, ingress=ingress)
    if brokers:
        configuration += _KAFKA.format(name=KAFKA_CLUSTER, brokers=brokers.replace(",", '", "PLAINTEXT://'))
    (directory / "restate.toml").write_text(configuration)
    (directory / "application.py").write_text(_their_application())
    endpoint = f"http://{HOST}:{handlers}"
    serve = [str(python), "-m", "hypercorn", "--bind", f"{HOST}:{handlers}", "application:app"]
    server = [str(binary), "--config-file", str(directory / "restate.toml")]
    with (
        running(serve, directory / "handlers.log", f"{endpoint}/health", {"PYTHONPATH": str(directory)}) as sdk_process,
        running(server, directory / "server.log", f"http://{HOST}:{ingress}/restate/health") as server_process,
        Admin(f"http://{HOST}:{admin}") as client,
    ):
        client.register(endpoint)
        yield Server(ingress, client, (server_process, sdk_process), directory / "data", tells_lag=False)


def _their_application() -> str:
    text = APPLICATION.read_text()
    if text.count(OUR_IMPORT) != 1:
        raise NotInstallable(f"{APPLICATION} has no line {OUR_IMPORT.strip()!r} to change")
    return text.replace(OUR_IMPORT, THEIR_IMPORT)


def _install(directory: Path) -> tuple[Path, Path]:
    """The server's binary and the Python that has the SDK; both are installed the first time."""
    python = directory / "venv" / "bin" / "python"
    installed = directory / ".installed"
    if not installed.exists():
        directory.mkdir(parents=True, exist_ok=True)
        _do("npm", "install", "--prefix", str(directory), "--ignore-scripts", "--no-audit", "--no-fund", SERVER_PACKAGE)
        _do(sys.executable, "-m", "venv", str(directory / "venv"))
        _do(str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PYTHON_PACKAGES)
        installed.touch()
    binaries = list(directory.glob("node_modules/@restatedev/restate-server-*/bin/restate-server"))
    if not binaries:
        raise NotInstallable(f"{SERVER_PACKAGE} has no server for this platform")
    return binaries[0], python


def _do(*command: str) -> None:
    try:
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise NotInstallable(f"{command[0]} is not installed") from None
    if ended.returncode != 0:
        raise NotInstallable(f"{' '.join(command)} failed:\n{ended.stderr[-2000:]}")
