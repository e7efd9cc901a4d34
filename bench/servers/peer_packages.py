"""The peer's published packages, of one pinned version, installed once in the project's cache."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from bench.servers.odradek import REPOSITORY

SERVER_PACKAGE = "@restatedev/restate-server@1.7.12"
PYTHON_PACKAGES = ("restate-sdk==1.3.0", "hypercorn==0.18.0")


class NotInstallable(Exception):
    """The peer cannot be had here; the text says why."""


def cache_directory() -> Path:
    """Where the peer is installed, once."""
    return Path(os.environ.get("ODRADEK_CACHE", REPOSITORY / ".cache")) / "bench"


def peer_packages() -> tuple[Path, Path]:
    """The server's binary, and the Python that has the SDK. Raises `NotInstallable`."""
    directory = cache_directory() / "restate"
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
