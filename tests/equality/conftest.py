"""Plays the script of an example twice: under Odradek, and under the official SDK and the real server."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from difflib import unified_diff
from pathlib import Path

import pytest
from scene import Scene, Script

from endpoint_process import SDKS, EndpointProcess, hypercorn_command
from example_node import EXAMPLES, OutsideWorld, running_example
from free_ports import free_ports
from live_node import HttpNode
from restate_server import installed_server, restate_server

OUTSIDE_WORLD = "outside_world.py"
SETTINGS = {"RESTATE_WORKER__INVOKER__INACTIVITY_TIMEOUT": "100ms"}
"""Of both servers: what waits for longer is suspended, and replayed when it goes on."""


@pytest.fixture
def assert_equal(tmp_path: Path) -> Callable[..., None]:
    """`assert_equal("food_order.py", script, NAME="value")`: the file with these variables gives equal transcripts."""
    binary = installed_server()
    if not (SDKS / "python" / ".installed").exists():
        assert os.environ.get("ODRADEK_REQUIRE_ORACLE") != "1", "the official Python SDK is not installed"
        pytest.skip("the official Python SDK is not installed: run `make test-oracle`, which installs it with pip")

    def play(file_name: str, script: Script, **environment: str) -> None:
        with (
            restate_server(binary, tmp_path / "restate", SETTINGS) as server,
            official_sdk(file_name, tmp_path / "official", environment) as (endpoint, world),
        ):
            server.register(endpoint.url)
            official = played(script, Scene(HttpNode(server.ingress_url, server.admin_url), world))
        with running_example(file_name, tmp_path / "ours", **SETTINGS, **environment) as (node, world):
            ours = played(script, Scene(node, world))
        difference = "\n".join(unified_diff(official, ours, "the official SDK", "Odradek", lineterm=""))
        assert not difference, difference

    return play


@contextmanager
def official_sdk(
    file_name: str, directory: Path, environment: dict[str, str]
) -> Iterator[tuple[EndpointProcess, OutsideWorld]]:
    """The example served by the official SDK, and what is outside of it."""
    copy_for_the_official_sdk(file_name, directory)
    world = OutsideWorld(directory)
    variables = {"OUTSIDE_WORLD": str(world.diary), **environment}
    (port,) = free_ports(1)
    command = hypercorn_command(f"{Path(file_name).stem}:app", port)
    endpoint = EndpointProcess(command, port, directory, code=directory, environment=variables)
    try:
        endpoint.start()
        yield endpoint, world
    finally:
        endpoint.kill()


def copy_for_the_official_sdk(file_name: str, directory: Path) -> None:
    """The very same code but for the line that imports the SDK."""
    directory.mkdir(parents=True)
    (directory / OUTSIDE_WORLD).write_text((EXAMPLES / OUTSIDE_WORLD).read_text())
    code = (EXAMPLES / file_name).read_text()
    ours, theirs = "\nimport odradek\n", "\nimport restate as odradek\n"
    assert code.count(ours) == 1, f"{file_name} imports the SDK by one line, `import odradek`"
    (directory / Path(file_name).name).write_text(code.replace(ours, theirs))


def played(script: Script, scene: Scene) -> list[str]:
    script(scene)
    return scene.close()
