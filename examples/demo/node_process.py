"""The demo's node: a process of its own that can be killed and started again, and its admin API.

The processes started here never outlive the demo.
"""

from __future__ import annotations

import contextlib
import ctypes
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import httpx

APP: Final = Path(__file__).with_name("app.py")
START_SECONDS_MAX: Final = 40.0
REQUEST_SECONDS_MAX: Final = 30.0
POLL_SECONDS: Final = 0.01
SHOWN_LOG_LINES: Final = 5


class DemoFailed(Exception):
    """The demo cannot go on. The text says why, and what to do."""


class Node:
    """A node with the demo's application, on free ports; without brokers on the embedded log."""

    def __init__(self, directory: Path, brokers: str | None, cluster_name: str) -> None:
        self._log = directory / "node.log"
        ingress, admin, node = _free_ports()
        self.ingress_url = f"http://127.0.0.1:{ingress}"
        self.admin_url = f"http://127.0.0.1:{admin}"
        self._arguments = [
            *("server", "--app", str(APP), "--base-dir", str(directory / "data"), "--cluster-name", cluster_name),
            *("--bind-ip", "127.0.0.1", "--ingress-port", str(ingress), "--admin-port", str(admin)),
            *("--node-port", str(node), *(("--brokers", brokers) if brokers else ())),
        ]
        self._process: subprocess.Popen[bytes] | None = None
        self._http = httpx.Client(base_url=self.admin_url, timeout=REQUEST_SECONDS_MAX, trust_env=False)

    def start(self) -> float:
        """Starts the process and waits until it is ready; the seconds that took."""
        began = time.monotonic()
        with self._log.open("ab") as log:
            self._process = start_odradek(self._arguments, output=log.fileno())
        while not self._is_ready():
            if self._process.poll() is not None:
                raise DemoFailed(f"the node stopped by itself. {self._last_words()}")
            if time.monotonic() - began > START_SECONDS_MAX:
                raise DemoFailed(f"the node was not ready within {START_SECONDS_MAX:g} s. {self._last_words()}")
            time.sleep(POLL_SECONDS)
        return time.monotonic() - began

    def kill(self) -> None:
        """SIGKILL, if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def get(self, path: str) -> Any:
        """The JSON of an answer of the admin API."""
        return self._answer("GET", path, None)

    def post(self, path: str, body: object) -> Any:
        """The JSON of an answer of the admin API."""
        return self._answer("POST", path, body)

    def sql(self, query: str) -> list[dict[str, Any]]:
        """The rows of a query."""
        rows: list[dict[str, Any]] = self.post("/query", {"query": query})["rows"]
        return rows

    def count(self, query: str) -> int:
        """The number that a query gives under the name `n`, 0 where it is null."""
        return int(self.sql(query)[0].get("n", 0))

    def _answer(self, method: str, path: str, body: object) -> Any:
        try:
            response = self._http.request(method, path, json=body, headers={"accept": "application/json"})
        except httpx.TransportError as error:
            raise DemoFailed(f"the node does not answer: {error}. {self._last_words()}") from None
        if not response.is_success:
            raise DemoFailed(f"the node refused {method} {path}: {response.status_code} {response.text}")
        return response.json()

    def _is_ready(self) -> bool:
        try:
            urls = (f"{self.ingress_url}/restate/health", f"{self.admin_url}/health")
            return all(self._http.get(url).is_success for url in urls)
        except httpx.TransportError:
            return False

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()[-SHOWN_LOG_LINES:]
        return "Its last words:\n" + "\n".join(f"    {line}" for line in lines or ["(none)"])


def start_odradek(arguments: Sequence[str], *, output: int | None = None) -> subprocess.Popen[bytes]:
    """The `odradek` command as a child, with its output here or in a file descriptor."""
    return subprocess.Popen(
        [sys.executable, "-m", "odradek", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        preexec_fn=_die_with_parent,
    )


def _die_with_parent() -> None:
    """Has Linux kill this process when its parent dies, however it dies."""
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


def _free_ports() -> tuple[int, int, int]:
    """Three ports on which nothing listens."""
    with contextlib.ExitStack() as sockets:
        listening = [sockets.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3)]
        first, second, third = (int(each.getsockname()[1]) for each in listening)
        return first, second, third
