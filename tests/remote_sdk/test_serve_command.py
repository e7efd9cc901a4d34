"""`odradek serve`: an endpoint in a process of its own, from the command line."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from served_endpoint import ServedEndpoint

from live_node import PACKAGES

APP = """
import odradek

greeter = odradek.Service("Greeter")


@greeter.handler()
async def greet(ctx: odradek.Context, name: str) -> str:
    return f"Hello {name}"


app = odradek.app([greeter])
"""


@pytest.fixture
def app_file(tmp_path: Path) -> Path:
    path = tmp_path / "app.py"
    path.write_text(APP)
    return path


@pytest.fixture
def endpoint(app_file: Path, tmp_path: Path) -> Iterator[ServedEndpoint]:
    served = ServedEndpoint(app_file, tmp_path, {})
    try:
        served.start()
        yield served
    finally:
        served.kill()


def refused(*arguments: str) -> str:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(PACKAGES)}
    command = [sys.executable, "-m", "odradek", "serve", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode in (1, 2)
    return done.stderr


def test_serves_until_it_is_told_to_stop(endpoint: ServedEndpoint) -> None:
    with httpx.Client(base_url=endpoint.url) as client:
        assert client.get("/health").json() == {"status": "ok"}
        manifest = client.get("/discover").json()
    assert manifest["protocolMode"] == "REQUEST_RESPONSE"
    assert [service["name"] for service in manifest["services"]] == ["Greeter"]
    assert endpoint.stop() == 0
    assert "Traceback" not in endpoint.said()


def test_port_in_use(app_file: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert "in use" in refused(str(app_file), "--bind", f"127.0.0.1:{taken.getsockname()[1]}")


@pytest.mark.parametrize("address", ["9080", ":9080", "localhost", "localhost:http", "localhost:65536"])
def test_addresses_that_are_none(app_file: Path, address: str) -> None:
    assert "is not HOST:PORT" in refused(str(app_file), "--bind", address)


def test_a_host_that_is_none(app_file: Path) -> None:
    assert "'no..host' is no host name" in refused(str(app_file), "--bind", "no..host:9080")


def test_files_that_are_no_application(tmp_path: Path) -> None:
    assert "there is no application file" in refused(str(tmp_path / "none.py"))
    empty = tmp_path / "empty.py"
    empty.touch()
    assert "defines no application" in refused(str(empty))
