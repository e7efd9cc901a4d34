"""Section B of docs/features.md: what callers over HTTP see of a running node."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from live_node import LiveNode, live_node, wait_until

pytestmark = pytest.mark.live

APP = Path(__file__).parent / "called_app.py"
UNKNOWN = "inv_1gdJBtdVEcM942bjcDmb1c1khoaJe11Hbz"
BODY_BYTES_MAX = 32 * 1024 * 1024


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveNode]:
    with live_node(tmp_path_factory.mktemp("called"), [APP]) as running:
        yield running


@pytest.fixture(scope="module")
def http(node: LiveNode) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=node.ingress_url, timeout=60, trust_env=False) as client:
        yield client


def error_of(response: httpx.Response) -> tuple[int, str, str]:
    """Status, message, and where the error comes from, which body and header agree on."""
    body = response.json()
    assert body["source"] == response.headers["x-restate-error-source"]
    assert response.headers["content-type"] == "application/json"
    return response.status_code, body["message"], body["source"]


@pytest.mark.row("B1", "B3")
@pytest.mark.parametrize("path", ["/Echo/say", "/restate/call/Echo/say", "/Echo/say/"])
def test_a_call(http: httpx.Client, path: str) -> None:
    response = http.post(path, json="hello")
    assert (response.status_code, response.json()) == (200, "hello")
    assert response.headers["x-restate-id"].startswith("inv_1")
    assert "idempotency-expires" not in response.headers


@pytest.mark.row("B1")
def test_keys_in_paths_are_decoded(node: LiveNode, http: httpx.Client) -> None:
    for path in ("/Box/a%2Fb%20c+d/add", "/restate/call/Box/a%2Fb%20c+d/add"):
        http.post(path, json=1)
    assert node.state("Box", "a/b c+d") == {"count": 2}
    assert http.post("/Box//add", json=5).json() == 5
    assert node.state("Box", "") == {"count": 5}


@pytest.mark.row("B2")
def test_get_is_a_call_without_a_body(http: httpx.Client) -> None:
    response = http.get("/Echo/nothing")
    assert (response.status_code, response.content) == (200, b"")
    assert error_of(http.put("/Echo/nothing"))[:2] == (405, "method not allowed")


@pytest.mark.row("B4", "B6")
def test_a_send_and_its_repetition(http: httpx.Client) -> None:
    for path in ("/Box/sent/add/send", "/restate/send/Box/sent/add"):
        answers = [http.post(path, json=1, headers={"idempotency-key": path}) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [202, 202]
        first, second = (answer.json() for answer in answers)
        assert first == {"invocationId": first["invocationId"], "status": "Accepted"}
        assert second == first | {"status": "PreviouslyAccepted"}
        assert answers[0].headers["x-restate-id"] == first["invocationId"]
    assert http.post("/Box/sent/add", json=0).json() == 2


@pytest.mark.row("B5")
@pytest.mark.parametrize("delay", ["700ms", "PT0.7S", "0.7 sec"])
def test_a_delayed_send(http: httpx.Client, delay: str) -> None:
    begun = time.time()
    sent = http.post("/Echo/say/send", json="late", params={"delay": delay}).json()
    at = datetime.fromisoformat(sent["executionTime"]).timestamp()
    assert 0.69 <= at - begun < 60
    assert http.get(f"/restate/invocation/{sent['invocationId']}/attach").json() == "late"
    assert time.time() >= at


@pytest.mark.row("B5")
def test_delays_that_are_none(http: httpx.Client) -> None:
    for delay in ("", "soon", "-1s"):
        status, message, _ = error_of(http.post("/Echo/say/send", json="x", params={"delay": delay}))
        assert (status, message.partition(",")[0]) == (400, "bad delay query parameter")
    assert error_of(http.post("/Echo/say", json="x", params={"delay": "1s"}))[0] == 400


@pytest.mark.row("B6", "B10")
def test_an_idempotency_key_is_one_invocation_whatever_comes_with_it(node: LiveNode, http: httpx.Client) -> None:
    first, second = (http.post("/Echo/say", json=text, headers={"idempotency-key": "k"}) for text in ("1", "2"))
    assert (first.json(), second.json()) == ("1", "1")
    assert first.headers["x-restate-id"] == second.headers["x-restate-id"]
    assert "idempotency-expires" not in first.headers
    expires = datetime.fromisoformat(second.headers["idempotency-expires"]).timestamp()
    assert 23 * 3600 < expires - time.time() <= 24 * 3600
    node.restart()
    for how in ("attach", "output"):
        kept = http.get(f"/restate/invocation/Echo/say/k/{how}")
        assert (kept.json(), "idempotency-expires" in kept.headers) == ("1", True)
    assert http.get("/restate/invocation/Echo/say/other/output").status_code == 404


@pytest.mark.row("B6")
def test_two_at_once_with_one_key_get_one_result(node: LiveNode, http: httpx.Client) -> None:
    headers = {"idempotency-key": "twins"}
    sent = http.post("/Echo/nap/send", json=500, headers=headers).json()["invocationId"]
    response = http.post("/Echo/nap", json=500, headers=headers)
    assert (response.json(), response.headers["x-restate-id"]) == ("rested", sent)


@pytest.mark.row("B7")
def test_a_request_without_a_key_gets_one(node: LiveNode, http: httpx.Client) -> None:
    ids = [http.post("/Echo/say", json="x").headers["x-restate-id"] for _ in range(2)]
    rows = [node.sql(f"SELECT idempotency_key FROM sys_invocation WHERE id = '{each}'") for each in ids]
    keys = {row["idempotency_key"] for (row,) in rows}
    assert len(keys) == 2
    assert {len(key) for key in keys} == {26}


def asked(node: LiveNode, http: httpx.Client, key: str) -> tuple[str, str]:
    """An invocation that waits for an answer, and the awakeable that it waits for."""
    invocation = http.post(f"/Box/{key}/ask/send").json()["invocationId"]
    state: dict[str, Any] = wait_until(lambda: node.state("Box", key), "a question")
    return invocation, state["question"]


@pytest.mark.row("B8", "B9", "B12")
def test_results_are_read_and_waited_for(node: LiveNode, http: httpx.Client) -> None:
    invocation, question = asked(node, http, "results")
    named = {"target": "invocation", "invocationId": invocation}
    early = "the invocation exists but has not completed yet"
    assert error_of(http.get(f"/restate/invocation/{invocation}/output")) == (470, early, "ingress")
    assert error_of(http.post("/restate/output", json=named)) == (470, early, "ingress")
    node.resolve_awakeable(question, "rested")
    assert http.get(f"/restate/attach/{invocation}").json() == "rested"
    assert http.post("/restate/attach", json=named).json() == "rested"
    assert http.get(f"/restate/output/{invocation}").json() == "rested"
    assert error_of(http.get(f"/restate/invocation/{UNKNOWN}/output")) == (404, "invocation not found", "ingress")
    assert error_of(http.get(f"/restate/invocation/{UNKNOWN}/attach")) == (404, "not found", "invocation")
    assert error_of(http.get("/restate/invocation/garbage/output"))[0] == 400


@pytest.mark.row("B14", "B15")
def test_awakeables_are_completed(node: LiveNode, http: httpx.Client) -> None:
    resolved, question = asked(node, http, "resolved")
    for value in ({"x": 1}, "too late"):
        response = http.post(f"/restate/awakeables/{question}/resolve", json=value)
        assert (response.status_code, response.content) == (202, b"")
    assert http.get(f"/restate/attach/{resolved}").json() == {"x": 1}
    rejected, question = asked(node, http, "rejected")
    assert http.post(f"/restate/a/{question}/reject", content="not today").status_code == 202
    assert error_of(http.get(f"/restate/attach/{rejected}")) == (500, "not today", "invocation")
    assert error_of(http.post("/restate/awakeables/garbage/resolve"))[0] == 400


@pytest.mark.row("B16")
def test_health(http: httpx.Client) -> None:
    assert http.get("/restate/health").json() == {"services": ["Box", "Echo"]}


@pytest.mark.row("B18")
@pytest.mark.parametrize(
    ("content", "content_type", "message"),
    [
        ("", "application/json", "Empty body not allowed"),
        ('"x"', None, "Empty content-type"),
        ('"x"', "text/plain", "Content-type 'text/plain' does not match 'application/json'"),
    ],
)
def test_input_that_the_handler_does_not_take(
    http: httpx.Client, content: str, content_type: str | None, message: str
) -> None:
    headers = {} if content_type is None else {"content-type": content_type}
    response = http.post("/Echo/say", content=content, headers=headers)
    assert error_of(response) == (400, f"input validation error: {message}", "ingress")


@pytest.mark.row("B19", "B25")
def test_bytes_pass_as_they_are(http: httpx.Client) -> None:
    content = bytes(range(256)) * 100
    response = http.post("/Echo/raw", content=content, headers={"content-type": "application/octet-stream"})
    assert (response.content, response.headers["content-type"]) == (content, "application/octet-stream")
    assert http.post("/Echo/say", json="x").headers["content-type"] == "application/json"


@pytest.mark.row("B20", "B21")
@pytest.mark.parametrize(("code", "status"), [(400, 400), (418, 418), (999, 999), (1000, 500), (0, 500)])
def test_a_failures_code_is_the_status_where_it_can_be(http: httpx.Client, code: int, status: int) -> None:
    response = http.post("/Echo/refuse", json=code)
    assert error_of(response) == (status, "no tea", "invocation")
    assert (response.json()["code"], response.json()["metadata"]) == (code, {"shelf": "3"})


@pytest.mark.row("B21")
@pytest.mark.parametrize(
    ("path", "status"),
    [("/Nobody/handler", 404), ("/Echo/nobody", 404), ("/Box/add", 400), ("/Echo/key/say", 400), ("/Echo", 400)],
)
def test_errors_of_the_ingress_say_so(http: httpx.Client, path: str, status: int) -> None:
    found, _, source = error_of(http.post(path, json="x"))
    assert (found, source) == (status, "ingress")


@pytest.mark.row("B22")
def test_headers_reach_the_handler(http: httpx.Client) -> None:
    given = {"x-mine": "1", "authorization": "Bearer x", "idempotency-key": "headers", "connection": "keep-alive"}
    seen = http.post("/Echo/headers?query=1", headers=given).json()
    assert (seen["x-mine"], seen["authorization"]) == ("1", "Bearer x")
    assert seen["x-restate-ingress-path"].startswith("/Echo/headers")
    assert not {"connection", "host", "idempotency-key"} & set(seen)


@pytest.mark.row("B23")
def test_a_preflight_from_anywhere(http: httpx.Client) -> None:
    asked = {
        "origin": "http://page",
        "access-control-request-method": "POST",
        "access-control-request-headers": "x-mine",
    }
    response = http.options("/Echo/say", headers=asked)
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == "http://page"
    assert "x-mine" in response.headers["access-control-allow-headers"]


@pytest.mark.row("B24")
def test_a_body_beyond_the_limit(http: httpx.Client) -> None:
    headers = {"content-type": "application/octet-stream"}
    response = http.post("/Echo/raw", content=bytes(BODY_BYTES_MAX + 1), headers=headers)
    assert (response.status_code, response.text) == (413, "length limit exceeded")
    assert len(http.post("/Echo/raw", content=bytes(BODY_BYTES_MAX // 2), headers=headers).content) == 16 * 1024 * 1024


@pytest.mark.row("B27")
def test_scopes_are_not_served(http: httpx.Client) -> None:
    assert error_of(http.post("/restate/scope/s/call/Echo/say", json="x"))[0] == 400


@pytest.mark.row("B28")
def test_an_invocation_goes_on_without_its_caller(node: LiveNode, http: httpx.Client) -> None:
    headers = {"idempotency-key": "gone"}
    with pytest.raises(httpx.ReadTimeout):
        http.post("/Echo/nap", json=1500, headers=headers, timeout=0.5)
    assert http.get("/restate/invocation/Echo/nap/gone/attach").json() == "rested"


# --- settings that operators change ---


@pytest.mark.row("C7", "J1", "N11")
def test_settings_of_a_service_are_changed_while_it_runs(node: LiveNode, http: httpx.Client) -> None:
    def change(**settings: Any) -> None:
        node.request("PATCH", f"{node.admin_url}/services/Echo", settings)

    change(public=False, idempotency_retention="2h")
    assert error_of(http.post("/Echo/say", json="x")) == (400, "the invoked service is not public", "ingress")
    node.restart()
    assert error_of(http.post("/Echo/say", json="x"))[0] == 400
    change(public=True)
    invocation = http.post("/Echo/say", json="x").headers["x-restate-id"]
    (row,) = node.sql(f"SELECT completion_retention FROM sys_invocation WHERE id = '{invocation}'")
    assert row == {"completion_retention": "PT7200S"}
    change(idempotency_retention="1d")
