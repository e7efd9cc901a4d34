"""The routes of an application as an endpoint: discovery, health, and what is refused."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from scripted_stream import request, run, scope_of

import odradek

policy = odradek.InvocationRetryPolicy(max_attempts=3, on_max_attempts="kill")
service = odradek.Service(
    "Svc", "What it is for", {"team": "a"}, inactivity_timeout=timedelta(seconds=5), invocation_retry_policy=policy
)


@service.handler(metadata={"tier": "1"}, abort_timeout=timedelta(seconds=9))
async def greet(ctx: odradek.Context, name: str) -> str:
    """Greets."""
    return f"Hello {name}"


workflow = odradek.Workflow("Flow")


@workflow.main(workflow_retention=timedelta(days=2))
async def begin(ctx: odradek.WorkflowContext) -> None:
    pass


app = odradek.app([service, workflow])

MANIFEST = "application/vnd.restate.endpointmanifest.v{}+json"
OFFERED = ", ".join(MANIFEST.format(version) for version in range(1, 5))
INVOCATION = "application/vnd.restate.invocation.v{}"


def discover(
    accept: str | None, *, http_version: str = "2", path: str = "/discover", of: odradek.Application = app
) -> tuple[int, str, Any]:
    headers = {} if accept is None else {"accept": accept}
    status, answered, body = run(lambda: request(of, scope_of("GET", path, http_version, headers)))
    assert answered["x-restate-server"].startswith("odradek")
    return status, answered.get("content-type", ""), msgspec.json.decode(body) if status == 200 else body


@pytest.mark.parametrize(
    ("accept", "version"),
    [
        (OFFERED, 4),
        (MANIFEST.format(1), 1),
        (f"{MANIFEST.format(2)},{MANIFEST.format(3)};q=0.5", 3),
        (f"{MANIFEST.format(4)}, {MANIFEST.format(5)}", 4),
        ("*/*", 4),
        (None, 4),
    ],
)
def test_the_highest_manifest_version_that_both_know(accept: str | None, version: int) -> None:
    status, content_type, _ = discover(accept)
    assert (status, content_type) == (200, MANIFEST.format(version))


@pytest.mark.parametrize("accept", [MANIFEST.format(5), "text/html", "", MANIFEST.format(0)])
def test_a_manifest_version_that_is_not_known(accept: str) -> None:
    assert discover(accept)[0] == 415


def test_the_manifest_names_mode_and_versions() -> None:
    for http_version, mode in (("2", "BIDI_STREAM"), ("1.1", "REQUEST_RESPONSE")):
        manifest = discover(OFFERED, http_version=http_version)[2]
        assert manifest["protocolMode"] == mode
        assert (manifest["minProtocolVersion"], manifest["maxProtocolVersion"]) == (5, 7)


def test_the_application_may_choose_the_mode() -> None:
    whole = odradek.app([service], protocol="request_response")
    assert discover(OFFERED, of=whole)[2]["protocolMode"] == "REQUEST_RESPONSE"
    duplex = odradek.app([service], protocol="bidi")
    assert discover(OFFERED, of=duplex, http_version="1.1")[2]["protocolMode"] == "BIDI_STREAM"


def test_an_application_without_services_has_a_manifest() -> None:
    assert discover(OFFERED, of=odradek.app([]))[2] == {
        "protocolMode": "BIDI_STREAM",
        "minProtocolVersion": 5,
        "maxProtocolVersion": 7,
        "services": [],
    }


def test_each_manifest_version_has_the_fields_it_knows() -> None:
    second = {"documentation", "metadata"}
    third = {"inactivityTimeout", "abortTimeout", "workflowCompletionRetention"}
    fourth = {"retryPolicyMaxAttempts", "retryPolicyOnMaxAttempts"}
    for version, known in ((1, set()), (2, second), (3, second | third), (4, second | third | fourth)):
        services = discover(MANIFEST.format(version))[2]["services"]
        names = {name for each in services for part in (each, *each["handlers"]) for name in part}
        assert names - {"name", "ty", "handlers", "input", "output"} == known


def test_the_newest_manifest_in_full() -> None:
    svc, flow = discover(OFFERED)[2]["services"]
    (greeting,) = svc.pop("handlers")
    assert svc == {
        "name": "Svc",
        "ty": "SERVICE",
        "documentation": "What it is for",
        "metadata": {"team": "a"},
        "inactivityTimeout": 5000,
        "retryPolicyMaxAttempts": 3,
        "retryPolicyOnMaxAttempts": "KILL",
    }
    assert greeting == {
        "name": "greet",
        "documentation": "Greets.",
        "metadata": {"tier": "1"},
        "abortTimeout": 9000,
        "input": {"contentType": "application/json", "jsonSchema": {"type": "string"}},
        "output": {"contentType": "application/json", "jsonSchema": {"type": "string"}},
    }
    assert flow["ty"] == flow["handlers"][0]["ty"] == "WORKFLOW"
    assert flow["handlers"][0]["workflowCompletionRetention"] == 172_800_000
    assert flow["handlers"][0]["input"] == {}


def test_paths_match_by_their_ends() -> None:
    assert discover(OFFERED, path="/pre/fix/discover")[0] == 200
    status, _, body = run(lambda: request(app, scope_of("GET", "/pre/health")))
    assert (status, body) == (200, b'{"status":"ok"}')


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/discover/"),
        ("GET", "/rediscover"),
        ("POST", "/discover"),
        ("GET", "/invoke/Svc/greet"),
        ("POST", "/invoke/Svc"),
        ("POST", "/invoke/Svc/greet/more"),
        ("POST", "/invoke/Svc/other"),
        ("POST", "/invoke/Other/greet"),
        ("POST", "/invoke//greet"),
    ],
)
def test_what_is_not_there(method: str, path: str) -> None:
    headers = {"content-type": INVOCATION.format(7)}
    assert run(lambda: request(app, scope_of(method, path, headers=headers)))[0] == 404


@pytest.mark.parametrize("content_type", [INVOCATION.format(4), INVOCATION.format(8), "application/json", None])
def test_protocol_versions_that_are_not_known(content_type: str | None) -> None:
    headers = {} if content_type is None else {"content-type": content_type}
    status, _, body = run(lambda: request(app, scope_of("POST", "/invoke/Svc/greet", headers=headers)))
    assert status == 415
    assert b"no version of the protocol" in body


def test_lifespan_of_a_server() -> None:
    async def test() -> list[str]:
        events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        sent: list[str] = []

        async def send(event: Any) -> None:
            sent.append(event["type"])

        events.put_nowait({"type": "lifespan.startup"})
        events.put_nowait({"type": "lifespan.shutdown"})
        await app({"type": "lifespan"}, events.get, send)
        return sent

    assert run(test) == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_other_kinds_of_connections_are_refused() -> None:
    async def test() -> None:
        async def never(*_: Any) -> Any:
            raise AssertionError("nothing is said")

        with pytest.raises(ValueError, match="does not speak websocket"):
            await app({"type": "websocket", "path": "/discover"}, never, never)

    run(test)
