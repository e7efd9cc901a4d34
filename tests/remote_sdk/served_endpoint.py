"""An application served by `odradek serve` in a process of its own, which may be killed and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from live_node import PACKAGES
from parent_death import die_with_parent

STOP_SECONDS_MAX = 20.0


class ServedEndpoint:
    """`url` stays the same over its starts. What handlers do goes to the file `effects`, a line each."""

    def __init__(self, app_file: Path, directory: Path, settings: dict[str, str]) -> None:
        self._app_file = app_file
        self._directory = directory
        self._settings = settings
        self._process: subprocess.Popen[str] | None = None
        self._address = "127.0.0.1:0"
        self.effects = directory / "effects"
        directory.mkdir(parents=True, exist_ok=True)
        self.effects.touch()

    @property
    def url(self) -> str:
        return f"http://{self._address}"

    def start(self) -> None:
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(PACKAGES),
            "ORACLE_EFFECTS": str(self.effects),
            **self._settings,
        }
        command = [sys.executable, "-u", "-m", "odradek", "serve", str(self._app_file), "--bind", self._address]
        with (self._directory / "endpoint.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True, preexec_fn=die_with_parent
            )
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        assert " at http://" in said, f"{said!r}, and {self.said()}"
        self._address = said.strip().rpartition("http://")[2]

    def said(self) -> str:
        """What it wrote to its log."""
        return (self._directory / "endpoint.log").read_text(errors="replace")

    def stop(self) -> int:
        """Asks it to stop; its exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(STOP_SECONDS_MAX)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def done(self, prefix: str) -> list[str]:
        """The side effects so far whose text begins so, without it."""
        lines = self.effects.read_text().splitlines()
        return [line.removeprefix(prefix).strip() for line in lines if line.startswith(prefix)]
