"""Malformed requests at the doors of a real node: it answers 4xx or closes, changes nothing, and goes on serving."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from http_requests import AS_RESTATE_HAS_IT, AT_ADMIN, AT_ANY_DOOR, AT_INGRESS, WELL_FORMED
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import damaged

from live_node import LiveNode, live_node

SECONDS_MAX = 20.0
CASES = [
    *(("ingress", name, sent) for name, sent in {**AT_ANY_DOOR, **AT_INGRESS}.items()),
    *(("admin", name, sent) for name, sent in {**AT_ANY_DOOR, **AT_ADMIN}.items()),
]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveNode]:
    with live_node(tmp_path_factory.mktemp("fuzzed"), [Path(__file__).parent / "fuzz_app.py"]) as running:
        assert running.call("Echo", "say", "before") == "before"
        yield running
        assert running.call("Echo", "say", "after") == "after"
        said = running.said()
        assert "Traceback" not in said, said[said.find("Traceback") :][:5000]


def answer_to(node: LiveNode, door: str, sent: bytes) -> bytes:
    """All that the door says until it closes. Nothing more is sent, and it is told so."""
    url = urlsplit(node.ingress_url if door == "ingress" else node.admin_url)
    heard = b""
    with socket.create_connection((url.hostname, url.port), SECONDS_MAX) as connection:
        try:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(65536):
                heard += piece
        except ConnectionError:
            pass  # closed with bytes of ours unread
    return heard


def invocations(node: LiveNode) -> int:
    (row,) = node.sql("SELECT COUNT(1) AS n FROM sys_invocation")
    return int(row["n"])


@pytest.mark.live
@pytest.mark.parametrize(("door", "name", "sent"), CASES, ids=[f"{door}: {name}" for door, name, _ in CASES])
def test_what_is_malformed_is_refused(node: LiveNode, door: str, name: str, sent: bytes) -> None:
    before = invocations(node)
    heard = answer_to(node, door, sent)
    if heard.startswith(b"HTTP/"):
        assert 400 <= int(heard.split(b" ", 2)[1]) < 500, heard[:300]
    else:
        assert not heard or name.startswith("HTTP/2"), heard[:300]
    assert invocations(node) == before


@pytest.mark.live
@pytest.mark.parametrize("sent", AS_RESTATE_HAS_IT.values(), ids=AS_RESTATE_HAS_IT.keys())
def test_a_body_that_names_no_invocation_says_so(node: LiveNode, sent: bytes) -> None:
    assert b"cannot read body" in answer_to(node, "ingress", sent)


@pytest.mark.live
def test_damaged_requests_never_make_an_error_of_the_node(node: LiveNode) -> None:
    @settings(max_examples=150, deadline=None)
    @given(st.sampled_from(("ingress", "admin")), st.integers(0, 2**32 - 1))
    def check(door: str, seed: int) -> None:
        heard = answer_to(node, door, damaged(WELL_FORMED, seed))
        if heard.startswith(b"HTTP/"):
            assert int(heard.split(b" ", 2)[1]) < 500 or b"cannot read body" in heard, heard[:300]

    check()
