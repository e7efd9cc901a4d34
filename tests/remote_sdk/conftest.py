"""The real Restate server and our endpoint before it, once per protocol version and transport."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from identity_keys import make_key_file
from oracle import Oracle, Variant
from served_endpoint import ServedEndpoint

from restate_server import RestateServer, installed_server, restate_server

APP_FILE = Path(__file__).parent / "oracle_app.py"


VARIANTS = (
    Variant(7, signed=True),
    Variant(6),
    Variant(5),
    Variant(7, http_11=True),
    Variant(6, http_11=True, signed=True),
)


@pytest.fixture(scope="session")
def signing_key(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A private key's file, and the public key in the text form that endpoints take."""
    return make_key_file(tmp_path_factory.mktemp("identity") / "private.pem")


@pytest.fixture(scope="session")
def real_server(tmp_path_factory: pytest.TempPathFactory, signing_key: tuple[Path, str]) -> Iterator[RestateServer]:
    binary = installed_server()
    settings = {
        "RESTATE_EXPERIMENTAL_ENABLE_PROTOCOL_V7": "true",
        "RESTATE_REQUEST_IDENTITY_PRIVATE_KEY_PEM_FILE": str(signing_key[0]),
    }
    with restate_server(binary, tmp_path_factory.mktemp("restate"), settings) as server:
        yield server


@pytest.fixture(scope="session", params=VARIANTS, ids=str)
def oracle(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    real_server: RestateServer,
    signing_key: tuple[Path, str],
) -> Iterator[Oracle]:
    variant: Variant = request.param
    settings = {"ORACLE_VERSION": str(variant.version), "ORACLE_KEYS": signing_key[1] if variant.signed else ""}
    endpoint = ServedEndpoint(APP_FILE, tmp_path_factory.mktemp("endpoint"), settings)
    try:
        endpoint.start()
        options = {"use_http_11": True} if variant.http_11 else {}
        real_server.register(endpoint.url, **options)
        yield Oracle(real_server, endpoint, variant)
    finally:
        endpoint.kill()
