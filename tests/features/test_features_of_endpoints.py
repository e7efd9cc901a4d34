"""Rows of docs/features.md that only an endpoint brings about which says unusual things, at a real node."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scripted_endpoint import Answer, ScriptedEndpoint, Status, scripted_endpoint

from live_node import LiveNode, Refused, live_node, wait_until
from odradek.protocol.messages import End, Error, ErrorBehavior, OutputCommand

pytestmark = pytest.mark.live

DONE: Answer = (OutputCommand(b'"done"'), End())
SCRIPTS: dict[str, list[Answer]] = {
    "busy": [*(Status(429, {"retry-after": "0"}) for _ in range(4)), Status(503, {"retry-after": "1"}), DONE],
    "busy_without_a_word": [Status(503)],
    "broken": [Status(500)],
    "pauses": [(Error(500, "look at this", behavior=ErrorBehavior.PAUSE),), DONE],
    "fails": [(Error(422, "no way", behavior=ErrorBehavior.FAIL),)],
}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[ScriptedEndpoint]:
    settings = {"retryPolicyMaxAttempts": 2, "retryPolicyInitialInterval": 20, "retryPolicyOnMaxAttempts": "PAUSE"}
    with scripted_endpoint(SCRIPTS, **settings) as running:
        yield running


@pytest.fixture(scope="module")
def node(endpoint: ScriptedEndpoint, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveNode]:
    directory: Path = tmp_path_factory.mktemp("endpoints")
    with live_node(directory, environment={"RESTATE_EXPERIMENTAL_ENABLE_PROTOCOL_V7": "true"}) as running:
        body = {"uri": endpoint.url, "use_http_11": True}
        running.request("POST", f"{running.admin_url}/deployments", body)
        yield running


def wait_until_paused(node: LiveNode, invocation: str) -> dict[str, Any]:
    rows = wait_until(
        lambda: node.sql(f"SELECT * FROM sys_invocation WHERE id = '{invocation}' AND status = 'paused'"), "a pause"
    )
    return rows[0]


@pytest.mark.row("H7")
def test_a_busy_endpoint_is_given_the_time_that_it_asks_for(node: LiveNode, endpoint: ScriptedEndpoint) -> None:
    assert node.call("Scripted", "busy", None) == "done"
    came = endpoint.came["busy"]
    assert len(came) == 6
    assert came[5] - came[4] >= 1


@pytest.mark.row("H2", "H7")
@pytest.mark.parametrize("handler", ["busy_without_a_word", "broken"])
def test_one_that_names_no_time_uses_up_attempts(node: LiveNode, endpoint: ScriptedEndpoint, handler: str) -> None:
    wait_until_paused(node, node.send("Scripted", handler, None))
    assert len(endpoint.came[handler]) == 2


@pytest.mark.row("H8")
def test_an_endpoint_has_its_invocation_paused(node: LiveNode, endpoint: ScriptedEndpoint) -> None:
    invocation = node.send("Scripted", "pauses", None)
    wait_until_paused(node, invocation)
    events = node.sql(f"SELECT event_type, event_json FROM sys_journal_events WHERE id = '{invocation}'")
    assert [event["event_type"] for event in events] == ["TransientError", "Paused"]
    assert all("look at this" in event["event_json"] for event in events)
    node.request("PATCH", f"{node.admin_url}/invocations/{invocation}/resume")
    assert node.attach(invocation) == "done"


@pytest.mark.row("H9")
def test_an_endpoint_has_its_invocation_fail(node: LiveNode, endpoint: ScriptedEndpoint) -> None:
    with pytest.raises(Refused) as refused:
        node.call("Scripted", "fails", None)
    assert (refused.value.status, refused.value.body["message"]) == (422, "no way")
    assert len(endpoint.came["fails"]) == 1
