"""What the real Restate server says of endpoints of ours that it may not use."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from identity_keys import public_text
from served_endpoint import ServedEndpoint

from restate_server import RestateServer

pytestmark = pytest.mark.oracle

APP_FILE = Path(__file__).parent / "oracle_app.py"


def test_an_endpoint_that_accepts_other_keys_only(real_server: RestateServer, tmp_path: Path) -> None:
    endpoint = ServedEndpoint(APP_FILE, tmp_path, {"ORACLE_KEYS": public_text(Ed25519PrivateKey.generate())})
    try:
        endpoint.start()
        answer = real_server.admin("POST", "/deployments", {"uri": endpoint.url})
        assert answer.status_code == 500
        assert "401" in answer.json()["message"]
    finally:
        endpoint.kill()
    assert "is not accepted here" in endpoint.said()


def test_an_endpoint_of_unsupported_versions_only(real_server: RestateServer, tmp_path: Path) -> None:
    endpoint = ServedEndpoint(APP_FILE, tmp_path, {"ORACLE_VERSION": "4"})
    try:
        endpoint.start()
        assert real_server.admin("POST", "/deployments", {"uri": endpoint.url}).status_code >= 400
    finally:
        endpoint.kill()
