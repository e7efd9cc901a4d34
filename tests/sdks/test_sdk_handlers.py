"""What users do with handlers, the same for each SDK, each way of speaking to it, and under the real server."""

from __future__ import annotations

import json
import time
from functools import partial
from typing import Any

import pytest
from languages import LANGUAGES
from sdk_node import SdkNode

from live_node import Refused, wait_until

MIB = 1024 * 1024
A_DAY = {"secs": 86400, "nanos": 0}
UNREADABLE_INPUT = {"python": 500}
"""The code that an SDK gives to input it cannot read, where that is another one than 400."""


@pytest.mark.row("A1", "A2", "A16", "A19")
def test_it_is_known_as_what_it_is(remote: SdkNode) -> None:
    language = LANGUAGES[remote.variant.sdk]
    (listed,) = remote.deployments()
    assert listed["id"] == remote.deployment["id"]
    assert listed["sdk_version"].startswith(language.software)
    highest = language.version_max or remote.variant.version
    assert (listed["min_protocol_version"], listed["max_protocol_version"]) == (5, highest)
    one_way = remote.variant.mode in ("request-response", "http1")
    assert listed["protocol_type"] == ("RequestResponse" if one_way else "BidiStream")


def test_a_call(remote: SdkNode) -> None:
    assert remote.node.call("Greeter", "greet", "Ada") == "Hello Ada"


@pytest.mark.row("A16")
def test_where_it_ran_is_known(remote: SdkNode) -> None:
    invocation = remote.node.send("Greeter", "greet", "Ada")
    remote.node.attach(invocation)
    row = remote.status(invocation)
    assert row["pinned_deployment_id"] == remote.deployment["id"]
    assert "last_attempt_deployment_id" not in row  # no attempt is live
    assert row["pinned_service_protocol_version"] == remote.variant.version


@pytest.mark.row("B25")
def test_a_large_payload_passes_both_ways(remote: SdkNode) -> None:
    import httpx

    payload = bytes(range(256)) * (8 * MIB // 256)
    headers = {"content-type": "application/octet-stream"}
    answer = httpx.post(f"{remote.node.ingress_url}/Greeter/echo", content=payload, headers=headers, timeout=60)
    assert answer.status_code == 200
    assert answer.content == payload


@pytest.mark.row("H5")
def test_input_that_cannot_be_read_ends_the_invocation(remote: SdkNode) -> None:
    import httpx

    url = f"{remote.node.ingress_url}/Counter/{remote.fresh()}/add"
    answer = httpx.post(url, content=b"{", headers={"content-type": "application/json"}, timeout=60)
    code = UNREADABLE_INPUT.get(remote.variant.sdk, 400)
    assert (answer.status_code, answer.json()["code"], answer.json()["source"]) == (code, code, "invocation")


@pytest.mark.row("E1", "E2")
def test_run_blocks(remote: SdkNode) -> None:
    assert remote.node.call("Greeter", "steps", 9) == [number * 2 for number in range(9)]


@pytest.mark.row("E1")
def test_what_is_in_the_journal(remote: SdkNode) -> None:
    invocation = remote.node.send("Greeter", "steps", 2)
    remote.node.attach(invocation)
    rows = remote.node.sql(f"SELECT index, entry_type, name FROM sys_journal WHERE id = '{invocation}' ORDER BY index")
    step = ["Command: Run", "Notification: Run"]
    assert [row["entry_type"] for row in rows] == ["Command: Input", *step, *step, "Command: Output"]
    assert [row["name"] for row in rows if row["entry_type"] == "Command: Run"] == ["step 0", "step 1"]


@pytest.mark.row("D1")
def test_state(remote: SdkNode) -> None:
    key = remote.fresh()
    assert [remote.node.call("Counter", key, "add", number) for number in (1, 2, 3)] == [1, 3, 6]
    assert remote.state("Counter", key) == {"total": 6}
    remote.node.call("Counter", key, "clear", None)
    assert remote.state("Counter", key) == {}
    assert remote.node.call("Counter", key, "add", 5) == 5


def test_a_call_in_the_journal(remote: SdkNode) -> None:
    invocation = remote.node.send("Greeter", "first_of", None)
    remote.node.attach(invocation)
    where = f"id = '{invocation}' AND entry_type = 'Command: Call'"
    (row,) = remote.node.sql(f"SELECT entry_json FROM sys_journal WHERE {where}")
    request = json.loads(row["entry_json"])["Command"]["Call"]["request"]
    assert request["invocation_target"] == {"Service": {"name": "Greeter", "handler": "greet", "scope": None}}
    assert (request["parameter"], request["idempotency_key"]) == (list(b'"race"'), None)
    assert request["completion_retention_duration"] == request["journal_retention_duration"] == A_DAY


@pytest.mark.row("F8")
def test_calls_and_sends_to_one_object_keep_their_order(remote: SdkNode) -> None:
    assert remote.node.call("Greeter", "count_up", remote.fresh()) == 16


def suspended_or_late(remote: SdkNode, invocation: str) -> dict[str, Any] | None:
    """The row of a napping invocation once it suspends, or once it is too late for that."""
    row = remote.status(invocation)
    return row if row["status"] in ("suspended", "completed") else None


@pytest.mark.row("E9", "E10")
def test_a_sleep_that_suspends(remote: SdkNode) -> None:
    for milliseconds in (1_500, 6_000, 24_000):  # a slow machine comes to suspend in a longer one
        began = time.monotonic()
        invocation = remote.node.send("Greeter", "nap", milliseconds)
        row = wait_until(partial(suspended_or_late, remote, invocation), "the handler suspends")
        assert remote.node.attach(invocation) == "rested"
        assert time.monotonic() - began >= milliseconds / 1000
        if row["status"] == "suspended":
            assert "last_attempt_deployment_id" not in row
            return
    pytest.fail("the handler never suspends")


@pytest.mark.row("G1")
def test_an_awakeable(remote: SdkNode) -> None:
    key = remote.fresh()
    invocation = remote.node.send("Greeter", "wait_for", key)
    identifier = wait_until(lambda: remote.node.call("Notes", key, "get", None), "the awakeable's id")
    remote.node.resolve_awakeable(identifier, "here")
    assert remote.node.attach(invocation) == "here"


def test_a_rejected_awakeable(remote: SdkNode) -> None:
    key = remote.fresh()
    invocation = remote.node.send("Greeter", "wait_for", key)
    identifier = wait_until(lambda: remote.node.call("Notes", key, "get", None), "the awakeable's id")
    remote.node.reject_awakeable(identifier, "not today")
    with pytest.raises(Refused) as refused:
        remote.node.attach(invocation)
    assert (refused.value.status, refused.value.body["message"]) == (500, "not today")


@pytest.mark.row("C4", "C5", "G3")
def test_a_workflow_with_a_promise(remote: SdkNode) -> None:
    key = remote.fresh()
    invocation = remote.node.send("Payment", key, "run", 5)
    wait_until(lambda: remote.state("Payment", key) == {"status": "waiting"}, "the workflow waits")
    remote.node.call("Payment", key, "decide", "approved")
    assert remote.node.attach(invocation) == "5 approved"
    with pytest.raises(Refused) as refused:
        remote.node.call("Payment", key, "run", 6)
    assert refused.value.status == 409


@pytest.mark.row("H5")
def test_a_terminal_error(remote: SdkNode) -> None:
    with pytest.raises(Refused) as refused:
        remote.node.call("Greeter", "fail", "no tea")
    assert (refused.value.status, refused.value.body["message"]) == (418, "no tea")


@pytest.mark.row("E3")
def test_a_run_block_that_succeeds_in_the_end(remote: SdkNode) -> None:
    assert remote.node.call("Greeter", "flaky", remote.fresh()) == 3


@pytest.mark.row("E4")
def test_a_run_block_that_never_does(remote: SdkNode) -> None:
    assert "never" in remote.node.call("Greeter", "hopeless", None)


@pytest.mark.row("G5")
def test_a_race(remote: SdkNode) -> None:
    assert remote.node.call("Greeter", "first_of", None) == "Hello race"


@pytest.mark.row("I3")
def test_cancellation_with_compensation(remote: SdkNode) -> None:
    key = remote.fresh()
    invocation = remote.node.send("Greeter", "undo", key)
    wait_until(lambda: remote.node.call("Notes", key, "get", None) == "done", "the handler has done its work")
    remote.node.cancel(invocation)
    with pytest.raises(Refused) as refused:
        remote.node.attach(invocation)
    assert refused.value.status == 409
    assert remote.node.call("Notes", key, "get", None) == "undone"


@pytest.mark.row("I5")
def test_a_kill(remote: SdkNode) -> None:
    invocation = remote.node.send("Greeter", "nap", 3_600_000)
    wait_until(lambda: remote.status(invocation)["status"] in ("running", "suspended"), "the handler runs")
    remote.node.request("PATCH", f"{remote.node.admin_url}/invocations/{invocation}/kill")
    with pytest.raises(Refused) as refused:
        remote.node.attach(invocation)
    assert refused.value.status == 409


def test_many_at_once(remote: SdkNode) -> None:
    invocations = [remote.node.send("Greeter", "greet", f"{number}") for number in range(300)]
    assert [remote.node.attach(each) for each in invocations] == [f"Hello {number}" for number in range(300)]
