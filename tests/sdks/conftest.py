"""One server and one endpoint for each SDK and way of speaking to it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from languages import HERE
from sdk_endpoint import SdkEndpoint, application_settings
from sdk_node import SdkNode
from variants import OFFICIAL, OURS, RESTATE, UNDER_THE_REAL_SERVER, Variant, require

from live_node import HttpNode, live_node
from restate_server import installed_server, restate_server

VARIANTS = [
    *(pytest.param(variant, id=str(variant), marks=pytest.mark.live) for variant in OURS),
    *(pytest.param(variant, id=str(variant), marks=[pytest.mark.live, pytest.mark.sdks]) for variant in OFFICIAL),
    *(pytest.param(variant, id=str(variant), marks=pytest.mark.oracle) for variant in UNDER_THE_REAL_SERVER),
]
SETTINGS = {
    "RESTATE_WORKER__INVOKER__INACTIVITY_TIMEOUT": "300ms",
    "RESTATE_DEFAULT_RETRY_POLICY__INITIAL_INTERVAL": "50ms",
}


@contextlib.contextmanager
def running_server(variant: Variant, directory: Path, settings: dict[str, str]) -> Iterator[HttpNode]:
    """The variant's server; it has the application in its own process if the variant says so."""
    if variant.server == RESTATE:
        with restate_server(installed_server(), directory, settings) as server:
            yield HttpNode(server.ingress_url, server.admin_url)
        return
    application = [HERE / variant.sdk / "app.py"] if variant.mode == "in-process" else []
    with live_node(directory, application, environment=settings | application_settings(variant, directory)) as node:
        yield node


@pytest.fixture(scope="session", params=VARIANTS)
def remote(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SdkNode]:
    variant: Variant = request.param
    require(variant)
    directory = tmp_path_factory.mktemp(str(variant))
    endpoint = None if variant.mode == "in-process" else SdkEndpoint(variant, directory / "endpoint")
    with contextlib.ExitStack() as running:
        if endpoint is not None:
            running.callback(endpoint.kill)
            endpoint.start()
        node = running.enter_context(running_server(variant, directory, SETTINGS | variant.settings))
        yield SdkNode(node, endpoint, variant)
