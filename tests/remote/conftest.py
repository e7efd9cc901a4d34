"""Servers that are tested as twins."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest
from twin_server import Server

from live_node import live_node
from restate_server import installed_server, restate_server

QUICK_RETRIES = {"RESTATE_DEFAULT_RETRY_POLICY__INITIAL_INTERVAL": "20ms"}


@pytest.fixture(scope="module", params=["odradek", pytest.param("restate", marks=pytest.mark.oracle)])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp(request.param)
    if request.param == "odradek":
        with live_node(directory, environment=QUICK_RETRIES) as node:
            yield Server(node.ingress_url, node.admin_url)
        return
    with restate_server(installed_server(), directory, QUICK_RETRIES) as real:
        yield Server(real.ingress_url, real.admin_url)


@pytest.fixture
def name() -> str:
    """Of a service that no other test has."""
    return f"S{secrets.token_hex(4)}"
