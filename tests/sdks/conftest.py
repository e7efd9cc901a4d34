"""One node and one endpoint for each official SDK and way of speaking to it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sdk_endpoint import SdkEndpoint, Variant
from sdk_node import SdkNode

from live_node import live_node

VARIANTS = (
    Variant("python", "duplex", 6),
    Variant("python", "duplex", 7),
    Variant("python", "http1", 7),
    Variant("typescript", "duplex", 6),
    Variant("typescript", "duplex", 7),
    Variant("typescript", "request-response", 6),
    Variant("typescript", "http1", 7),
)


def require(variant: Variant) -> None:
    """Skips the test where the SDK is not installed, and fails it where it must be."""
    if not variant.installed:
        assert "ODRADEK_REQUIRE_SDKS" not in os.environ, f"the {variant.sdk} SDK is not installed"
        pytest.skip(f"the {variant.sdk} SDK is not installed: run `make test-sdks`, which installs it")


@pytest.fixture(scope="session", params=VARIANTS, ids=str)
def remote(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SdkNode]:
    variant: Variant = request.param
    require(variant)
    directory: Path = tmp_path_factory.mktemp(str(variant))
    environment = {
        "RESTATE_EXPERIMENTAL_ENABLE_PROTOCOL_V7": str(variant.version == 7).lower(),
        "RESTATE_WORKER__INVOKER__INACTIVITY_TIMEOUT": "300ms",
        "RESTATE_DEFAULT_RETRY_POLICY__INITIAL_INTERVAL": "50ms",
    }
    endpoint = SdkEndpoint(variant, directory / "endpoint")
    endpoint.start()
    try:
        with live_node(directory, environment=environment) as node:
            yield SdkNode(node, endpoint, variant)
    finally:
        endpoint.kill()
