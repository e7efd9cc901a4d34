"""Deployments behind TLS: a node that is told whom to trust, and has a certificate of its own."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from endpoint_thread import endpoint_thread
from fake_endpoint import FakeEndpoint
from scripted_deployment import ScriptedDeployment, service
from tls_files import TlsPair, make_tls_files

from live_node import Refused, live_node

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> TlsPair:
    return make_tls_files(tmp_path_factory.mktemp("tls"))


def asking_for_certificates(files: TlsPair, protocol: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=files.authority)
    context.load_cert_chain(files.certificate, files.key)
    context.set_alpn_protocols([protocol])
    context.verify_mode = ssl.CERT_REQUIRED
    return context


@pytest.mark.parametrize("http1", [False, True])
def test_a_node_with_an_authority_and_a_certificate(files: TlsPair, tmp_path: Path, http1: bool) -> None:
    environment = {
        "RESTATE_WORKER__INVOKER__TLS_CA_FILE": str(files.authority),
        "RESTATE_WORKER__INVOKER__TLS_CLIENT_CERTIFICATE_FILE": str(files.certificate),
        "RESTATE_WORKER__INVOKER__TLS_CLIENT_KEY_FILE": str(files.key),
    }
    deployment = ScriptedDeployment(service("Safe", "h"), mode="REQUEST_RESPONSE" if http1 else "BIDI_STREAM")
    endpoint = FakeEndpoint(deployment, http1=http1)
    server = asking_for_certificates(files, "http/1.1" if http1 else "h2")
    with live_node(tmp_path, environment=environment) as node, endpoint_thread(endpoint, server) as url:
        assert url.startswith("https://")
        node.request("POST", f"{node.admin_url}/deployments", {"uri": url, "use_http_11": http1})
        assert node.call("Safe", "h", 5) == 5


def test_a_node_that_does_not_trust_the_authority(files: TlsPair, tmp_path: Path) -> None:
    endpoint = FakeEndpoint(ScriptedDeployment(service("Safe", "h")))
    server = asking_for_certificates(files, "h2")
    with live_node(tmp_path) as node, endpoint_thread(endpoint, server) as url:
        with pytest.raises(Refused, match=r"certificate verify failed.*META0003"):
            node.request("POST", f"{node.admin_url}/deployments", {"uri": url})
        assert node.request("GET", f"{node.admin_url}/deployments").json() == {"deployments": []}
