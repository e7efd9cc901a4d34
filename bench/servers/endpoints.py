"""The measured application served by a process of its own, which any server can drive.

The official SDK runs the same application text but for the import line, behind hypercorn as Restate's documentation has
it; ours is `odradek serve`.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.servers.odradek import APPLICATION, PYTHONPATH
from bench.servers.peer_packages import NotInstallable, peer_packages
from bench.servers.process import free_ports, running
from bench.servers.server import HOST

OFFICIAL = "restate-sdk"
OURS = "odradek serve"
OUR_IMPORT = "import odradek as durable\n"
THEIR_IMPORT = "import restate as durable\n"


@dataclass(frozen=True)
class Endpoint:
    """Where handlers are served, by what, and in which process."""

    software: str
    url: str
    process_id: int


@contextlib.contextmanager
def official_endpoint(directory: Path) -> Iterator[Endpoint]:
    """The official SDK. Raises `NotInstallable`, `DidNotStart`."""
    _, python = peer_packages()
    directory.mkdir(parents=True)
    (directory / "application.py").write_text(_their_application())
    (port,) = free_ports(1)
    command = [str(python), "-m", "hypercorn", "--bind", f"{HOST}:{port}", "application:app"]
    with _running(OFFICIAL, command, directory, port, str(directory)) as endpoint:
        yield endpoint


@contextlib.contextmanager
def own_endpoint(directory: Path) -> Iterator[Endpoint]:
    """Our SDK. Raises `DidNotStart`."""
    directory.mkdir(parents=True)
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "odradek", "serve", str(APPLICATION), "--bind", f"{HOST}:{port}"]
    with _running(OURS, command, directory, port, PYTHONPATH) as endpoint:
        yield endpoint


@contextlib.contextmanager
def _running(software: str, command: list[str], directory: Path, port: int, paths: str) -> Iterator[Endpoint]:
    url = f"http://{HOST}:{port}"
    with running(command, directory / "handlers.log", f"{url}/health", {"PYTHONPATH": paths}) as process_id:
        yield Endpoint(software, url, process_id)


def _their_application() -> str:
    text = APPLICATION.read_text()
    if text.count(OUR_IMPORT) != 1:
        raise NotInstallable(f"{APPLICATION} has no line {OUR_IMPORT.strip()!r} to change")
    return text.replace(OUR_IMPORT, THEIR_IMPORT)
