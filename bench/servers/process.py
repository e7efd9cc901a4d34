"""A child process that is a server: started with its output in a file, waited for, and stopped."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import httpx

START_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 30.0
POLL_SECONDS = 0.05
SHOWN_CHARACTERS = 3000


class DidNotStart(Exception):
    """A server ended or did not answer in time; the text ends with what it said last."""


def free_ports(count: int) -> list[int]:
    """Ports on which nothing listened a moment ago."""
    with contextlib.ExitStack() as sockets:
        ports = []
        for _ in range(count):
            listening = sockets.enter_context(socket.socket())
            listening.bind(("127.0.0.1", 0))
            ports.append(int(listening.getsockname()[1]))
        return ports


@contextlib.contextmanager
def running(
    command: Sequence[str], output: Path, ready_url: str, environment: Mapping[str, str] | None = None
) -> Iterator[int]:
    """Runs a server until the block ends; its process id. It is ready when the URL answers with any status but 5xx.

    `environment` is added to our own, without what configures Restate and Odradek there. Raises `DidNotStart`.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("RESTATE_")}
    output.parent.mkdir(parents=True, exist_ok=True)
    with output.open("wb") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=inherited | dict(environment or {}),
            preexec_fn=_die_with_parent,
        )
    try:
        _wait_until_ready(process, output, ready_url)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _die_with_parent() -> None:
    """Has Linux kill this process when its parent is killed; all other ends are in the parent's hands."""
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


def _wait_until_ready(process: subprocess.Popen[bytes], output: Path, url: str) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    with httpx.Client(trust_env=False) as http:
        while True:
            with contextlib.suppress(httpx.TransportError):
                if not http.get(url).is_server_error:
                    return
            code = process.poll()
            if code is not None or time.monotonic() > deadline:
                what = "did not become ready" if code is None else f"ended with exit code {code}"
                said = output.read_text(errors="replace")[-SHOWN_CHARACTERS:]
                raise DidNotStart(f"{process.args!r} {what}:\n{said}")
            time.sleep(POLL_SECONDS)
