"""The test application, served by an official SDK in a process of its own, which may be killed and started again."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import NamedTuple

from live_node import REPOSITORY, die_with_parent, wait_until

SDKS = REPOSITORY / ".cache" / "sdks"
HERE = Path(__file__).parent


class Variant(NamedTuple):
    """An SDK, how it is spoken to, and up to which version of the protocol."""

    sdk: str
    mode: str
    """`duplex`, `request-response` (both over HTTP/2) or `http1`."""
    version: int

    def __str__(self) -> str:
        return f"{self.sdk}-{self.mode}-v{self.version}"

    @property
    def installed(self) -> bool:
        """Whether `make test-sdks` has fetched it, and what runs it is here."""
        runs = self.sdk == "python" or shutil.which("node") is not None
        return runs and (SDKS / self.sdk / ".installed").exists()


class SdkEndpoint:
    """`url` stays the same over its starts. What handlers record goes to the file `effects`, a line each."""

    def __init__(self, variant: Variant, directory: Path, identity_key: str = "") -> None:
        self._variant = variant
        self._directory = directory
        self._identity_key = identity_key
        self._process: subprocess.Popen[bytes] | None = None
        self._port = _free_port()
        self.effects = directory / "effects"
        directory.mkdir(parents=True, exist_ok=True)
        self.effects.touch()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        environment = os.environ | {
            "EFFECTS": str(self.effects),
            "IDENTITY_KEY": self._identity_key,
            "PORT": str(self._port),
            "MODE": self._variant.mode,
            "NODE_MODULES": str(SDKS / "typescript"),
        }
        environment.pop("PYTHONPATH", None)
        with (self._directory / "endpoint.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command(),
                cwd=HERE / self._variant.sdk,
                env=environment,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent,
            )
        wait_until(self._listens, "the endpoint listens")

    def _command(self) -> list[str]:
        if self._variant.sdk == "python":
            hypercorn = str(SDKS / "python" / "bin" / "hypercorn")
            return [hypercorn, "app:app", "--workers", "0", "--bind", f"127.0.0.1:{self._port}", "--error-logfile", "-"]
        return ["node", "app.mjs"]

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.said()
        try:
            socket.create_connection(("127.0.0.1", self._port), 1).close()
        except OSError:
            return False
        return True

    def said(self) -> str:
        """What it wrote to its log."""
        return (self._directory / "endpoint.log").read_text(errors="replace")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
