"""A process that serves handlers to engines. It may be killed and started again; its address stays."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from live_node import REPOSITORY, wait_until
from parent_death import die_with_parent

SDKS = REPOSITORY / ".cache" / "sdks"
"""Where `make test-sdks` installs the SDKs, a folder for each language."""
START_SECONDS_MAX = 60.0


class EndpointProcess:
    """What it writes goes to `endpoint.log` in its directory."""

    def __init__(
        self, command: Sequence[str], port: int, directory: Path, *, code: Path, environment: Mapping[str, str]
    ) -> None:
        """`command` is run in the folder `code`, and has to listen on `port`."""
        self.url = f"http://127.0.0.1:{port}"
        self._command = command
        self._port = port
        self._code = code
        self._environment = environment
        self._log = directory / "endpoint.log"
        self._process: subprocess.Popen[bytes] | None = None
        directory.mkdir(parents=True, exist_ok=True)

    def start(self) -> None:
        """Starts it, and waits until it listens."""
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | self._environment
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, cwd=self._code, env=environment, stdout=log, stderr=log, preexec_fn=die_with_parent
            )
        wait_until(self._listens, "the endpoint listens", START_SECONDS_MAX)

    def said(self) -> str:
        """What it wrote to its log."""
        return self._log.read_text(errors="replace")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Has it stand still, with its connections open."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.said()
        try:
            socket.create_connection(("127.0.0.1", self._port), 1).close()
        except OSError:
            return False
        return True


def hypercorn_command(app: str, port: int) -> list[str]:
    """Serves `module:name` with the official Python SDK, in the process that is started."""
    hypercorn = str(SDKS / "python" / "bin" / "hypercorn")
    return [hypercorn, app, "--workers", "0", "--bind", f"127.0.0.1:{port}", "--error-logfile", "-"]
