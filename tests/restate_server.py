"""The real Restate server for tests: on free ports, with a directory of its own, talked to over HTTP."""

from __future__ import annotations

import contextlib
import os
import platform
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from free_ports import free_ports
from live_node import REPOSITORY, wait_until
from parent_death import die_with_parent

INSTALLED = REPOSITORY / ".cache" / "restate" / "node_modules" / "@restatedev"
START_SECONDS_MAX = 60.0
REQUEST_SECONDS_MAX = 60.0


def installed_server() -> Path:
    """The server's executable. Skips the test where there is none; with ODRADEK_REQUIRE_ORACLE=1 it fails instead."""
    binary = _server_binary()
    if binary is not None:
        return binary
    assert os.environ.get("ODRADEK_REQUIRE_ORACLE") != "1", "the real Restate server is not installed"
    pytest.skip("the real Restate server is not installed: run `make test-oracle`, which installs it with npm")


def _server_binary() -> Path | None:
    """Where RESTATE_SERVER points to, or where `make test-oracle` puts it."""
    given = os.environ.get("RESTATE_SERVER")
    if given:
        return Path(given)
    machine = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64"}.get(platform.machine().lower(), platform.machine())
    path = INSTALLED / f"restate-server-{platform.system().lower()}-{machine}" / "bin" / "restate-server"
    return path if path.exists() else None


class RestateServer:
    """A running server."""

    def __init__(self, directory: Path, ingress_port: int, admin_port: int) -> None:
        self.directory = directory
        self.ingress_url = f"http://127.0.0.1:{ingress_port}"
        self.admin_url = f"http://127.0.0.1:{admin_port}"
        self._ingress = httpx.Client(base_url=self.ingress_url, timeout=REQUEST_SECONDS_MAX)
        self._admin = httpx.Client(base_url=self.admin_url, timeout=REQUEST_SECONDS_MAX)

    def post(self, path: str, body: Any = None, **options: Any) -> httpx.Response:
        """A request to the ingress; a `body` goes as JSON."""
        if body is not None:
            options["json"] = body
        return self._ingress.post(path, **options)

    def call(self, path: str, body: Any = None, **options: Any) -> Any:
        """The JSON answer of a call that succeeds."""
        response = self.post(path, body, **options)
        assert response.status_code == 200, f"{path}: {response.status_code} {response.text}"
        return response.json() if response.content else None

    def send(self, path: str, body: Any = None) -> str:
        """Sends without waiting; the invocation's id."""
        response = self.post(f"{path}/send", body)
        assert response.status_code == 202, f"{path}: {response.status_code} {response.text}"
        return str(response.json()["invocationId"])

    def attach(self, invocation: str) -> httpx.Response:
        """The outcome of an invocation, once it is there."""
        return self._ingress.get(f"/restate/invocation/{invocation}/attach")

    def admin(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """A request to the admin API."""
        return self._admin.request(method, path, json=body)

    def register(self, uri: str, **options: Any) -> dict[str, Any]:
        """Registers an endpoint that is accepted; what the server found there."""
        response = self.admin("POST", "/deployments", {"uri": uri, "force": True, **options})
        assert response.status_code in (200, 201), response.text
        found: dict[str, Any] = response.json()
        return found

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """The rows of a query."""
        response = self._admin.post("/query", json={"query": sql}, headers={"accept": "application/json"})
        assert response.status_code == 200, response.text
        rows: list[dict[str, Any]] = response.json()["rows"]
        return rows

    def journal(self, invocation: str) -> list[str]:
        """The types of an invocation's journal entries."""
        rows = self.rows(f"SELECT entry_type FROM sys_journal WHERE id = '{invocation}' ORDER BY index")
        return [row["entry_type"] for row in rows]

    def answers(self) -> bool:
        """Whether both APIs are up."""
        try:
            healthy = [self._admin.get("/health"), self._ingress.get("/restate/health")]
        except httpx.TransportError:
            return False
        return all(response.status_code == 200 for response in healthy)


@contextlib.contextmanager
def restate_server(binary: Path, directory: Path, settings: dict[str, str]) -> Iterator[RestateServer]:
    """A running server; killed at the end."""
    directory.mkdir(parents=True, exist_ok=True)
    node_port, ingress_port, admin_port = free_ports(3)
    environment = os.environ | {
        "RESTATE_BASE_DIR": str(directory / "data"),
        "RESTATE_BIND_IP": "127.0.0.1",
        "RESTATE_BIND_PORT": str(node_port),
        "RESTATE_INGRESS__BIND_PORT": str(ingress_port),
        "RESTATE_ADMIN__BIND_PORT": str(admin_port),
        "RESTATE_DEFAULT_NUM_PARTITIONS": "2",
        "RESTATE_DISABLE_TELEMETRY": "true",
        **settings,
    }
    with (directory / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [binary], env=environment, cwd=directory, stdout=log, stderr=log, preexec_fn=die_with_parent
        )
        try:
            server = RestateServer(directory, ingress_port, admin_port)
            wait_until(server.answers, "the server is up", START_SECONDS_MAX)
            yield server
        finally:
            process.kill()
            process.wait()
