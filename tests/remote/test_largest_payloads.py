"""The largest payload through a whole node and back, over each transport, and what is larger."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from endpoint_thread import endpoint_thread
from fake_endpoint import FakeEndpoint, Handler
from scripted_deployment import ScriptedDeployment, answer_with_input, service

from live_node import LiveNode, Refused, live_node, wait_until
from odradek.protocol import messages as m
from odradek_engine.invoker.remote.deployments import ENVELOPE_BYTES

pytestmark = pytest.mark.live

LIMIT = 32 * 1024 * 1024
QUOTES = 2
TRANSPORTS = {
    "duplex": (False, "BIDI_STREAM"),
    "request-response": (False, "REQUEST_RESPONSE"),
    "http1": (True, "REQUEST_RESPONSE"),
}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveNode]:
    with live_node(tmp_path_factory.mktemp("node")) as running:
        yield running


async def answer_with_too_much(exchange: Any) -> None:
    handler = Handler(exchange)
    await handler.begin()
    await handler.say(m.OutputCommand(bytes(LIMIT + ENVELOPE_BYTES)), m.End())
    await exchange.end()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_largest_payload_passes_both_ways(node: LiveNode, transport: str) -> None:
    http1, mode = TRANSPORTS[transport]
    deployment = ScriptedDeployment(service(f"Large_{transport}", "h"), mode=mode)
    largest = "x" * (LIMIT - QUOTES)
    with endpoint_thread(FakeEndpoint(deployment, http1=http1)) as url:
        node.request("POST", f"{node.admin_url}/deployments", {"uri": url, "use_http_11": http1})
        assert node.call(f"Large_{transport}", "h", largest) == largest
        with pytest.raises(Refused) as refused:
            node.call(f"Large_{transport}", "h", largest + "x")
        assert refused.value.status == 413


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_larger_message_of_a_handler_is_a_clear_failure(node: LiveNode, transport: str) -> None:
    http1, mode = TRANSPORTS[transport]
    name = f"Larger_{transport}"
    deployment = ScriptedDeployment(service(name, "h"), mode=mode)
    deployment.handle = answer_with_too_much
    with endpoint_thread(FakeEndpoint(deployment, http1=http1)) as url:
        node.request("POST", f"{node.admin_url}/deployments", {"uri": url, "use_http_11": http1})
        invocation = node.send(name, "h", 0)
        query = f"SELECT last_failure, last_failure_error_code AS code FROM sys_invocation WHERE id = '{invocation}'"
        row = wait_until(lambda: (row := node.sql(query)[0]).get("code") and row, "the attempt fails")
        assert row["code"] == "RT0003"
        assert "worker.invoker.message-size-limit" in row["last_failure"]
        deployment.handle = answer_with_input
        assert node.attach(invocation) == 0
