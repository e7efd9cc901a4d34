"""The application of `oracle_app` under the real Restate server: whatever differs from the expectation is our bug."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from oracle import Oracle

from live_node import wait_until

pytestmark = pytest.mark.oracle


@pytest.fixture
def tag() -> str:
    """Names the effects of one test, and the keys of its objects."""
    return uuid4().hex[:12]


def test_what_the_server_knows_of_the_endpoint(oracle: Oracle) -> None:
    deployments = oracle.server.admin("GET", "/deployments").json()["deployments"]
    (found,) = [each for each in deployments if each["uri"].rstrip("/") == oracle.endpoint.url]
    assert found["max_protocol_version"] == oracle.variant.version
    assert found["sdk_version"].startswith("odradek/")
    assert found["protocol_type"] == ("RequestResponse" if oracle.variant.http_11 else "BidiStream")
    service = oracle.server.admin("GET", "/services/Suspending").json()
    assert service["inactivity_timeout"] == "0s"
    assert service["retry_policy"]["initial_interval"] == "50ms"


def test_input_and_output(oracle: Oracle) -> None:
    assert oracle.server.call("/Greeter/greet", "Ödrädek") == "Hello Ödrädek!"
    assert oracle.server.call("/Greeter/nothing") is None
    body = bytes(range(256)) * 4
    answer = oracle.server.post("/Greeter/echo", content=body, headers={"content-type": "application/x-whatever"})
    assert answer.content == body
    assert answer.headers["content-type"] == "application/octet-stream"


def test_large_payloads_both_ways(oracle: Oracle) -> None:
    body = b"0123456789abcdef" * (512 * 1024)
    answer = oracle.server.post("/Greeter/echo", content=body, headers={"content-type": "application/x-whatever"})
    assert answer.content == body


def test_the_protocol_version_in_use(oracle: Oracle) -> None:
    invocation = oracle.server.send("/Steps/three", "version")
    assert oracle.server.attach(invocation).status_code == 200
    sql = f"SELECT pinned_service_protocol_version AS version FROM sys_invocation WHERE id = '{invocation}'"
    assert oracle.server.rows(sql) == [{"version": oracle.variant.version}]


def test_what_a_handler_knows_of_its_request(oracle: Oracle) -> None:
    answer = oracle.server.post("/Greeter/about", headers={"x-custom": "yes"})
    known = answer.json()
    assert known["id"] == known["attempt"] == answer.headers["x-restate-id"]
    assert known["custom"] == "yes"


def test_terminal_error(oracle: Oracle) -> None:
    answer = oracle.server.post("/Greeter/refuse", 418)
    assert answer.status_code == 418
    assert answer.json()["message"] == "refused"
    if oracle.variant.version >= 6:
        assert answer.json()["metadata"] == {"reason": "because"}


def test_invalid_input_is_a_terminal_error(oracle: Oracle) -> None:
    answer = oracle.server.post("/Steps/three", {"not": "a text"})
    assert answer.status_code == 400


# --- steps ----------------------------------------------------------------------------------------


def test_steps_run_once_each_in_order(oracle: Oracle, tag: str) -> None:
    assert oracle.server.call("/Steps/three", tag) == [f"{tag} 1", f"{tag} 2", f"{tag} 3"]
    assert oracle.endpoint.done(tag) == ["1", "2", "3"]


def test_blocks_gathered_run_once_each(oracle: Oracle, tag: str) -> None:
    assert oracle.server.call("/Steps/together", tag) == [f"{tag} {number}" for number in range(5)]
    assert sorted(oracle.endpoint.done(tag)) == ["0", "1", "2", "3", "4"]


def test_a_failing_step_is_tried_again(oracle: Oracle, tag: str) -> None:
    assert oracle.server.call("/Steps/flaky_step", tag) == f"{tag} before: third time"
    assert oracle.endpoint.done(tag) == ["before", "try", "try", "try"]


def test_a_step_gives_up_after_its_attempts(oracle: Oracle, tag: str) -> None:
    assert oracle.server.call("/Steps/hopeless_step", tag) == "gave up: ConnectionError('never')"
    assert oracle.endpoint.done(tag) == ["try", "try", "try"]


def test_a_failing_handler_is_tried_again_from_its_journal(oracle: Oracle, tag: str) -> None:
    assert oracle.server.call("/Steps/flaky", tag) == f"{tag} kept"
    assert oracle.endpoint.done(tag) == ["kept", "attempt", "attempt", "attempt"]


def test_randomness_and_time_are_the_same_in_every_attempt(oracle: Oracle, tag: str) -> None:
    assert oracle.server.call("/Steps/deterministic", tag)[-1] == 3


# --- waiting --------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", ["Waits", "Suspending"])
class TestWaiting:
    """The same handlers where waits stay on the stream, and where each of them suspends."""

    def test_sleep(self, oracle: Oracle, tag: str, service: str) -> None:
        assert oracle.server.call(f"/{service}/nap", tag) == f"{tag} after"
        assert oracle.endpoint.done(tag) == ["before", "after"]

    def awakeable(self, oracle: Oracle, tag: str) -> str:
        found = wait_until(lambda: oracle.endpoint.done(f"{tag} awakeable"), "the handler tells its awakeable")
        return found[0]

    def test_awakeable_resolved(self, oracle: Oracle, tag: str, service: str) -> None:
        invocation = oracle.server.send(f"/{service}/await_outside", tag)
        awakeable = self.awakeable(oracle, tag)
        assert oracle.server.post(f"/restate/awakeables/{awakeable}/resolve", "news").status_code == 202
        assert oracle.server.attach(invocation).json() == "got news"

    def test_awakeable_rejected(self, oracle: Oracle, tag: str, service: str) -> None:
        invocation = oracle.server.send(f"/{service}/await_outside", tag)
        path = f"/restate/awakeables/{self.awakeable(oracle, tag)}/reject"
        assert oracle.server.post(path, content=b"no news").status_code == 202
        assert oracle.server.attach(invocation).json() == "rejected with 500: no news"

    def test_race_of_a_timer_and_an_awakeable(self, oracle: Oracle, tag: str, service: str) -> None:
        invocation = oracle.server.send(f"/{service}/race", tag)
        awakeable = self.awakeable(oracle, tag)
        wait_until(lambda: oracle.server.journal(invocation).count("Command: Sleep") == 2, "the first timer has won")
        assert oracle.server.post(f"/restate/awakeables/{awakeable}/resolve", "late").status_code == 202
        assert oracle.server.attach(invocation).json() == ["timeout", ["answer", "late"]]

    def test_signal(self, oracle: Oracle, tag: str, service: str) -> None:
        invocation = oracle.server.send(f"/{service}/hear", tag)
        wait_until(lambda: oracle.endpoint.done(f"{tag} id") == [invocation], "the handler tells its id")
        oracle.server.call("/Waits/tell", [invocation, "the news"])
        assert oracle.server.attach(invocation).json() == "heard the news"

    def test_gathered_calls(self, oracle: Oracle, service: str) -> None:
        assert oracle.server.call(f"/{service}/gather_calls", [1, 2, 3, 4]) == [1, 2, 3, 4]


def test_cancellation_reaches_children_and_is_compensated(oracle: Oracle, tag: str) -> None:
    invocation = oracle.server.send("/Waits/book", tag)
    wait_until(lambda: "waiting" in oracle.endpoint.done(tag), "the child waits")
    assert oracle.server.admin("PATCH", f"/invocations/{invocation}/cancel").status_code == 202
    assert oracle.server.attach(invocation).json() == "409 cancelled"
    wait_until(lambda: "stopped" in oracle.endpoint.done(tag), "the child is cancelled")
    assert sorted(oracle.endpoint.done(tag)) == ["booked", "stopped", "undone", "waiting"]


# --- objects, calls, workflows --------------------------------------------------------------------


def test_object_state(oracle: Oracle, tag: str) -> None:
    assert [oracle.server.call(f"/Counter/{tag}/add", amount) for amount in (1, 2, 3)] == [1, 3, 6]
    assert oracle.server.call(f"/Counter/{tag}/read") == {"key": tag, "keys": ["total"], "total": 6}
    assert oracle.server.call(f"/Counter/{tag}/forget") == ["other"]
    assert oracle.server.call(f"/Counter/{tag}/read") == {"key": tag, "keys": [], "total": None}


def test_keys_that_paths_escape(oracle: Oracle, tag: str) -> None:
    assert oracle.server.call(f"/Counter/{tag}%20%C3%A4%2Fb/add", 1) == 1
    assert oracle.server.call(f"/Counter/{tag}%20%C3%A4%2Fb/read")["key"] == f"{tag} ä/b"


def test_lazy_state(oracle: Oracle, tag: str) -> None:
    assert oracle.server.call(f"/Lazy/{tag}/add", 1) == [[], 1]
    assert oracle.server.call(f"/Lazy/{tag}/add", 2) == [["total"], 3]


def test_calls(oracle: Oracle, tag: str) -> None:
    assert oracle.server.call("/Calls/call_twice", tag) == [2, 5]
    assert oracle.server.call("/Calls/call_refused", 409) == "409 refused"


def test_sends_and_attach(oracle: Oracle, tag: str) -> None:
    ids, total = oracle.server.call("/Calls/send_and_attach", tag)
    assert total == 12
    assert all(each.startswith("inv_1") for each in ids)


def test_call_with_headers_and_idempotency_key(oracle: Oracle) -> None:
    answer = oracle.server.call("/Calls/call_with_headers")
    assert answer["called"] == answer["answer"]["id"]
    assert answer["answer"]["custom"] == "passed on"


def test_idempotent_requests_run_once(oracle: Oracle, tag: str) -> None:
    results: list[Any] = [oracle.server.call("/Steps/three", tag, headers={"idempotency-key": tag}) for _ in range(2)]
    assert results[0] == results[1]
    assert oracle.endpoint.done(tag) == ["1", "2", "3"]


def test_workflow_with_a_promise(oracle: Oracle, tag: str) -> None:
    invocation = oracle.server.send(f"/Approval/{tag}/run", "a raise")
    wait_until(lambda: "Command: GetPromise" in oracle.server.journal(invocation), "the workflow waits")
    assert oracle.server.call(f"/Approval/{tag}/decide", "granted") == ["a raise", "granted"]
    assert oracle.server.attach(invocation).json() == "a raise: granted"
    again = oracle.server.post(f"/Approval/{tag}/decide", "denied")
    assert again.status_code == 409, json.dumps(again.json())


def test_a_killed_invocation_stops_its_handler(oracle: Oracle, tag: str) -> None:
    invocation = oracle.server.send("/Waits/linger", tag)
    wait_until(lambda: oracle.endpoint.done(tag) == ["begun"], "the handler is at it")
    assert oracle.server.admin("PATCH", f"/invocations/{invocation}/kill").status_code == 200
    wait_until(lambda: oracle.endpoint.done(tag) == ["begun", "stopped"], "it is stopped")


# --- faults ---------------------------------------------------------------------------------------


def test_killed_in_the_middle_it_goes_on_from_its_journal(oracle: Oracle, tag: str) -> None:
    invocation = oracle.server.send("/Steps/slow", tag)
    wait_until(lambda: "3" in oracle.endpoint.done(tag), "some steps are done")
    oracle.endpoint.kill()
    oracle.endpoint.start()
    assert oracle.server.attach(invocation).json() == [f"{tag} {number}" for number in range(20)]
    done = oracle.endpoint.done(tag)
    assert set(done) == {str(number) for number in range(20)}
    assert len(done) <= 21, f"more than the step under way ran twice: {done}"


def test_stopped_in_good_order_it_suspends_what_waits(oracle: Oracle, tag: str) -> None:
    invocation = oracle.server.send("/Waits/await_outside", tag)
    awakeable = wait_until(lambda: oracle.endpoint.done(f"{tag} awakeable"), "the handler waits")[0]
    assert oracle.endpoint.stop() == 0
    sql = f"SELECT status, last_failure FROM sys_invocation WHERE id = '{invocation}'"
    wait_until(lambda: oracle.server.rows(sql) == [{"status": "suspended"}], "it is suspended, without a failure")
    oracle.endpoint.start()
    assert oracle.server.post(f"/restate/awakeables/{awakeable}/resolve", "news").status_code == 202
    assert oracle.server.attach(invocation).json() == "got news"
