"""The admin API: statuses, texts and shapes of everything but topics and subscriptions."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence

import httpx
import pytest
from fakes_admin import NODE, FakeDiscovery, FakeResolver, ask_admin, assert_plain, assert_refused, client_of
from fakes_http import DEPLOYMENT_ID, FakeGateway

from odradek.protocol.manifest import (
    HandlerManifest,
    InputRule,
    OnMaxAttempts,
    OutputRule,
    ServiceManifest,
    ServiceType,
)
from odradek_engine.admin.app import make_admin_app
from odradek_engine.admin.metadata import handler_metadata, service_metadata
from odradek_engine.asgi import HttpServer
from odradek_engine.config import Config
from odradek_engine.gateway import Overloaded, QueryError
from odradek_engine.listening import CannotListen
from odradek_engine.model.commands import (
    AnyCommand,
    Cancel,
    ConfigureService,
    EditState,
    Kill,
    Pause,
    Purge,
    PurgeJournal,
    Resume,
)
from odradek_engine.model.outcomes import (
    AlreadyCompleted,
    AnyOutcome,
    Appended,
    Done,
    NotCompleted,
    NotFound,
    NotRunning,
    NotStarted,
    Refused,
)
from odradek_engine.model.registry import RegisteredService, ServiceSettings
from odradek_engine.model.rows import StateEdit

RAW_ID = bytes.fromhex("a8608806caec20c1e54a431d84931828eeff318b5f10e7be")
INVOCATION = "inv_1gA1bkjbSDNe5Oe8AYv0PhmXuI38GnZKGV"


@pytest.mark.row("N1", "N2")
def test_health_version_and_cluster_health() -> None:
    health, _ = ask_admin("GET", "/health")
    assert (health.status_code, health.content) == (200, b"")
    version, _ = ask_admin("GET", "/version")
    body = version.json()
    assert (body["version"], body["min_admin_api_version"], body["max_admin_api_version"]) == ("0.1.0", 2, 4)
    assert body["ingress_endpoint"] == "http://127.0.0.1:8080/"
    assert body["features"]["vqueues"] is False
    cluster, _ = ask_admin("GET", "/cluster-health")
    assert cluster.json() == {"cluster_name": "odradek", "metadata_cluster_health": {"members": [1]}}


@pytest.mark.parametrize("prefix", ["", "/v2", "/v3", "/v4"])
def test_all_versions_of_the_api_are_one(prefix: str) -> None:
    response, _ = ask_admin("GET", f"{prefix}/services")
    assert response.status_code == 200


def test_other_versions() -> None:
    old, _ = ask_admin("GET", "/v1/health")
    assert_plain(old, 400, "Unsupported Admin API version V1. This server supports versions between V2 and V4.")
    new, _ = ask_admin("GET", "/v5/health")
    assert (new.status_code, new.content) == (404, b"")


def test_unknown_paths_and_wrong_methods_have_no_body() -> None:
    unknown, _ = ask_admin("GET", "/nope")
    assert (unknown.status_code, unknown.content) == (404, b"")
    wrong, _ = ask_admin("POST", "/health")
    assert (wrong.status_code, wrong.content) == (405, b"")
    assert "GET" in wrong.headers["allow"]


def test_deployments() -> None:
    listed, _ = ask_admin("GET", "/deployments")
    (deployment,) = listed.json()["deployments"]
    assert deployment["id"] == DEPLOYMENT_ID
    assert deployment["created_at"] == "2026-11-22T14:23:11.533000000Z"
    assert deployment["services"][0] == {"name": "Obj", "revision": 1}
    assert (deployment["min_protocol_version"], deployment["max_protocol_version"]) == (5, 7)
    detail, _ = ask_admin("GET", f"/deployments/{DEPLOYMENT_ID}")
    assert [service["name"] for service in detail.json()["services"]] == ["Obj", "Priv", "Svc"]
    assert detail.json()["services"][0]["handlers"][0]["name"] == "add"
    other = "dp_15lbvI90g2SRFQZxGuHuYF0"
    missing, _ = ask_admin("GET", f"/deployments/{other}")
    assert_refused(missing, 404, f"The requested deployment '{other}' does not exist")
    malformed, _ = ask_admin("GET", "/deployments/nope")
    assert_plain(malformed, 400, "Invalid URL: Cannot parse `deployment` with value `nope`: bad format")


def test_services_and_handlers() -> None:
    service, _ = ask_admin("GET", "/services/Obj")
    assert service.json()["ty"] == "VirtualObject"
    listed, _ = ask_admin("GET", "/services")
    assert [each["name"] for each in listed.json()["services"]] == ["Obj", "Priv", "Svc"]
    handlers, _ = ask_admin("GET", "/services/Obj/handlers")
    assert [each["ty"] for each in handlers.json()["handlers"]] == ["Exclusive", "Shared"]
    handler, _ = ask_admin("GET", "/services/Obj/handlers/add")
    assert handler.json() == handlers.json()["handlers"][0]
    missing, _ = ask_admin("GET", "/services/Nope")
    assert_refused(missing, 404, "The requested service 'Nope' does not exist")
    for service_name in ("Obj", "Nope"):
        absent, _ = ask_admin("GET", f"/services/{service_name}/handlers/x")
        assert_refused(absent, 404, f"The requested handler 'x' on service '{service_name}' does not exist")


def test_the_metadata_of_a_service() -> None:
    manifest = ServiceManifest(
        name="S",
        ty=ServiceType.SERVICE,
        documentation="what it does",
        metadata={"team": "a"},
        journal_retention=60_000,
        retry_policy_max_attempts=3,
        handlers=(HandlerManifest(name="h", input=InputRule(content_type="application/json")),),
    )
    assert service_metadata(RegisteredService(manifest, "dp_1x", 4), Config(), duplex=True) == {
        "name": "S",
        "ty": "Service",
        "handlers": [
            {
                "name": "h",
                "public": True,
                "input_description": "application/json",
                "output_description": "application/json",
                "retry_policy": {"max_attempts": None},
            }
        ],
        "deployment_id": "dp_1x",
        "revision": 4,
        "public": True,
        "documentation": "what it does",
        "metadata": {"team": "a"},
        "idempotency_retention": "1d",
        "journal_retention": "1m",
        "inactivity_timeout": "1m",
        "abort_timeout": "10m",
        "enable_lazy_state": False,
        "retry_policy": {
            "initial_interval": "500ms",
            "exponentiation_factor": 2.0,
            "max_attempts": 3,
            "max_interval": "1m",
            "on_max_attempts": "Pause",
        },
    }


def test_the_metadata_of_a_handler() -> None:
    service = ServiceManifest(name="S", ty=ServiceType.SERVICE, ingress_private=True)
    handler = HandlerManifest(
        name="h",
        input=InputRule(content_type="application/json", json_schema={"type": "integer"}),
        output=OutputRule(),
        idempotency_retention=1500,
        retry_policy_on_max_attempts=OnMaxAttempts.KILL,
        retry_policy_max_interval=2000,
    )
    assert handler_metadata(service, handler, duplex=True) == {
        "name": "h",
        "public": False,
        "input_description": "JSON integer",
        "output_description": "none",
        "input_json_schema": {"type": "integer"},
        "idempotency_retention": "1s 500ms",
        "retry_policy": {"max_attempts": None, "max_interval": "2s", "on_max_attempts": "Kill"},
    }
    public = HandlerManifest(name="h", ingress_private=False)
    assert handler_metadata(service, public, duplex=True)["public"] is True


def test_settings_of_a_service() -> None:
    body = {"public": False, "idempotency_retention": "1h 30m", "abort_timeout": "PT2S", "journal_retention": None}
    response, gateway = ask_admin("PATCH", "/v4/services/Obj", lambda _: Done(), json=body)
    expected = ServiceSettings(public=False, idempotency_retention=5_400_000, abort_timeout=2_000)
    assert gateway.commands == [ConfigureService("Obj", expected)]
    assert (response.status_code, response.json()["name"]) == (200, "Obj")
    refused, _ = ask_admin("PATCH", "/services/Obj", lambda _: Refused(400, "unsupported"), json={})
    assert_refused(refused, 400, "unsupported")
    missing, _ = ask_admin("PATCH", "/services/Nope", json={})
    assert_refused(missing, 404, "The requested service 'Nope' does not exist")


@pytest.mark.parametrize("wrong", ["-1s", "5", "soon"])
def test_settings_that_are_no_durations(wrong: str) -> None:
    response, gateway = ask_admin("PATCH", "/services/Obj", json={"journal_retention": wrong})
    assert response.status_code == 422
    assert response.text.startswith("Failed to deserialize the JSON body into the target type: journal_retention: ")
    assert not gateway.commands


# --- invocations ---


@pytest.mark.parametrize(
    ("action", "command"),
    [
        ("cancel", Cancel(RAW_ID)),
        ("kill", Kill(RAW_ID)),
        ("pause", Pause(RAW_ID)),
        ("resume", Resume(RAW_ID)),
        ("purge", Purge(RAW_ID)),
        ("purge-journal", PurgeJournal(RAW_ID)),
    ],
)
def test_actions_on_invocations(action: str, command: AnyCommand) -> None:
    response, gateway = ask_admin("PATCH", f"/v4/invocations/{INVOCATION}/{action}", lambda _: Done())
    assert (response.status_code, response.content) == (200, b"")
    assert gateway.commands == [command]
    unknown, _ = ask_admin("PATCH", f"/invocations/{INVOCATION}/{action}", lambda _: NotFound(RAW_ID))
    assert_refused(unknown, 404, f"The requested invocation '{INVOCATION}' does not exist")
    malformed, asked = ask_admin("PATCH", f"/invocations/x/{action}")
    assert_refused(malformed, 400, "The request field 'invocation_id' is invalid. Reason: bad format")
    assert not asked.commands


@pytest.mark.parametrize(
    ("action", "outcome", "status", "message"),
    [
        ("cancel", AlreadyCompleted(RAW_ID), 409, f"The invocation '{INVOCATION}' was already completed."),
        ("kill", AlreadyCompleted(RAW_ID), 409, f"The invocation '{INVOCATION}' was already completed."),
        ("resume", AlreadyCompleted(RAW_ID), 409, f"The invocation '{INVOCATION}' is completed, cannot be resumed."),
        (
            "resume",
            NotStarted(RAW_ID),
            425,
            f"The invocation '{INVOCATION}' is either inboxed or scheduled, cannot be resumed.",
        ),
        ("pause", NotRunning(RAW_ID), 409, f"The invocation '{INVOCATION}' is not running, cannot be paused."),
        ("purge", NotCompleted(RAW_ID), 409, f"The invocation '{INVOCATION}' is not yet completed."),
        ("purge-journal", NotCompleted(RAW_ID), 409, f"The invocation '{INVOCATION}' is not yet completed."),
        ("kill", Refused(503, "later"), 503, "later"),
    ],
)
def test_actions_that_are_refused(action: str, outcome: AnyOutcome, status: int, message: str) -> None:
    response, _ = ask_admin("PATCH", f"/invocations/{INVOCATION}/{action}", lambda _: outcome)
    assert_refused(response, status, message)


def test_a_running_invocation_is_told_to_cancel() -> None:
    response, _ = ask_admin("PATCH", f"/invocations/{INVOCATION}/cancel", lambda _: Appended())
    assert response.status_code == 202


@pytest.mark.row("I15")
@pytest.mark.parametrize(
    ("query", "command"), [("", Cancel(RAW_ID)), ("?mode=Kill", Kill(RAW_ID)), ("?mode=purge", Purge(RAW_ID))]
)
@pytest.mark.parametrize("outcome", [Done(), NotFound(RAW_ID), AlreadyCompleted(RAW_ID)])
def test_delete_is_always_accepted(query: str, command: AnyCommand, outcome: AnyOutcome) -> None:
    response, gateway = ask_admin("DELETE", f"/invocations/{INVOCATION}{query}", lambda _: outcome)
    assert (response.status_code, response.content) == (202, b"")
    assert gateway.commands == [command]


def test_an_unknown_mode_of_delete() -> None:
    response, _ = ask_admin("DELETE", f"/invocations/{INVOCATION}?mode=nope")
    assert_plain(response, 400, "Failed to deserialize query string: mode: unknown variant `nope`")


def test_unknown_actions_and_wrong_methods() -> None:
    unknown, _ = ask_admin("PATCH", f"/invocations/{INVOCATION}/nope")
    assert unknown.status_code == 404
    wrong, _ = ask_admin("POST", f"/invocations/{INVOCATION}/cancel")
    assert wrong.status_code == 405


def test_an_overloaded_node_and_a_bug() -> None:
    def overloaded(_: AnyCommand) -> AnyOutcome:
        raise Overloaded("the queue is full")

    def broken(_: AnyCommand) -> AnyOutcome:
        raise ZeroDivisionError

    full, _ = ask_admin("PATCH", f"/invocations/{INVOCATION}/kill", overloaded)
    assert_refused(full, 503, "the queue is full")
    bug, _ = ask_admin("PATCH", f"/invocations/{INVOCATION}/kill", broken)
    assert_refused(bug, 500, "internal error: ZeroDivisionError")


# --- state ---


def test_the_state_of_an_object() -> None:
    gateway = FakeGateway()
    gateway.states["Obj", "a/b"] = {b"n": b"5", b"o": b'{"x":[1, 2]}', b"raw": b"\xff\x00", b"empty": b""}
    response, _ = ask_admin("GET", "/services/Obj/state/a%2Fb", gateway=gateway)
    assert response.status_code == 200
    assert response.json() == {
        "n": 5,
        "o": {"x": [1, 2]},
        "raw": {"base64": "/wA="},
        "empty": {"base64": ""},
    }


def test_an_object_without_state() -> None:
    for path in ("/services/Obj/state/k", "/services/Obj/state/"):
        response, _ = ask_admin("GET", path)
        assert (response.status_code, response.json()) == (200, {})


def test_state_of_what_has_none() -> None:
    unknown, _ = ask_admin("GET", "/services/Nope/state/k")
    assert_refused(unknown, 404, "The requested service 'Nope' does not exist")
    plain, _ = ask_admin("GET", "/services/Svc/state/k")
    assert_refused(plain, 400, "Service 'Svc' is a plain service and has no state")


def test_editing_state() -> None:
    body = {"object_key": "a/b", "new_state": {"n": [49, 255], "text": "ä"}, "version": "v"}
    for service in ("Obj", "Gone"):
        response, gateway = ask_admin("POST", f"/services/{service}/state", lambda _: Done(), json=body)
        assert (response.status_code, response.content) == (202, b"")
        expected = EditState(service, "a/b", StateEdit({b"n": b"1\xff", b"text": "ä".encode()}, "v"))
        assert gateway.commands == [expected]


def test_state_that_cannot_be_edited() -> None:
    plain, _ = ask_admin("POST", "/services/Svc/state", json={"object_key": "k", "new_state": {}})
    assert_refused(plain, 400, "Cannot modify state for service type Service")
    scoped, _ = ask_admin("POST", "/services/Obj/state", json={"object_key": "k", "new_state": {}, "scope": "s"})
    assert_refused(scoped, 400, "Scopes are not supported: leave out the field 'scope'")
    for body in ({"new_state": {}}, {"object_key": "k", "new_state": {"n": [256]}}, {"object_key": "k"}):
        response, gateway = ask_admin("POST", "/services/Obj/state", json=body)
        assert (response.status_code, gateway.commands) == (422, [])
    read, _ = ask_admin("GET", "/services/Obj/state")
    assert read.status_code == 405


def test_broken_bodies() -> None:
    def post(content: str, content_type: str = "application/json") -> httpx.Response:
        response, gateway = ask_admin(
            "POST", "/kafka-clusters", content=content, headers={"content-type": content_type}
        )
        assert not gateway.commands
        return response

    assert_plain(post("{}", "text/plain"), 415, "Expected request with `Content-Type: application/json`")
    assert_plain(post('{"name":'), 400, "Failed to parse the request body as JSON: ")
    assert_plain(post("{}"), 422, "Failed to deserialize the JSON body into the target type: ")
    assert_plain(post('{"name":1,"properties":{}}'), 422, "Failed to deserialize the JSON body into the target type: ")
    assert_plain(post(" " * 1_100_000), 413, "length limit exceeded")


# --- SQL ---


@pytest.mark.row("L1")
def test_queries() -> None:
    gateway = FakeGateway()
    gateway.rows = [{"id": "x", "n": 1}, {"id": "y"}]
    response, _ = ask_admin("POST", "/query", gateway=gateway, json={"query": "SELECT 1"})
    assert (response.status_code, response.json()) == (200, {"rows": [{"id": "x", "n": 1}, {"id": "y"}]})


@pytest.mark.row("L6")
@pytest.mark.parametrize("status", [400, 429, 500])
def test_queries_that_fail(status: int) -> None:
    gateway = FakeGateway()
    gateway.rows = QueryError("Datafusion error: no", status)
    response, _ = ask_admin("POST", "/query", gateway=gateway, json={"query": "SELEC"})
    assert (response.status_code, response.json()) == (status, {"message": "Datafusion error: no"})


@pytest.mark.row("L1")
def test_an_arrow_stream_for_who_does_not_ask_for_json() -> None:
    async def arrow(sql: str) -> bytes:
        return sql.encode()

    async def scenario() -> Sequence[httpx.Response]:
        async with client_of(FakeGateway(), arrow) as client:
            body = {"query": "SELECT 1"}
            return (
                await client.post("/query", json=body),
                await client.post("/query", json=body, headers={"accept": "application/json"}),
            )

    stream, rows = asyncio.run(scenario())
    assert stream.headers["content-type"] == "application/vnd.apache.arrow.stream"
    assert stream.content == b"SELECT 1"
    assert rows.json() == {"rows": []}


# --- the server ---


def test_the_api_on_a_port() -> None:
    async def scenario() -> None:
        app = make_admin_app(FakeGateway(lambda _: Done()), Config(), NODE, FakeResolver(), FakeDiscovery())
        server = HttpServer(app, "the admin API", "admin.bind-port")
        await server.start("127.0.0.1", 0)
        other = HttpServer(app, "the admin API", "admin.bind-port")
        with pytest.raises(CannotListen, match=r"the port is in use.*admin\.bind-port"):
            await other.start("127.0.0.1", server.port)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client:
            assert (await client.get("/health")).status_code == 200
            assert (await client.get("/services/Obj/state/a%2Fb")).json() == {}
        await server.stop(1)
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", server.port)) != 0

    asyncio.run(scenario())
