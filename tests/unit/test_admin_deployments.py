"""`/deployments` of the admin API, over a registry that decides as the engine's does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from fakes_admin import FakeDiscovery, client_of
from fakes_http import FakeGateway

from machine_world import World
from odradek.protocol.manifest import (
    EndpointManifest,
    HandlerManifest,
    HandlerType,
    InputRule,
    OutputRule,
    ServiceManifest,
    ServiceType,
)
from odradek_engine.config import Config
from odradek_engine.invoker.remote.discovery import Discovered
from odradek_engine.model.commands import AnyCommand, RegisterDeployment
from odradek_engine.model.outcomes import AnyOutcome, Refused
from odradek_engine.model.registry import Deployment
from odradek_engine.schema import EMPTY, build_schema

URI = "http://greeter:9080/"
Scenario = Callable[[httpx.AsyncClient, FakeDiscovery, FakeGateway], Awaitable[None]]


def manifest(name: str, *handlers: str | HandlerManifest, **options: Any) -> ServiceManifest:
    made = tuple(HandlerManifest(name=each) if isinstance(each, str) else each for each in handlers)
    return ServiceManifest(**{"name": name, "ty": ServiceType.SERVICE, "handlers": made, **options})


def endpoint(
    *services: ServiceManifest, mode: str = "BIDI_STREAM", least: int = 5, most: int = 7, software: str = "sdk/1"
) -> Discovered:
    made = EndpointManifest(
        protocol_mode=mode, min_protocol_version=least, max_protocol_version=most, services=services
    )
    return Discovered(made, software)


class Registry(FakeGateway):
    def __init__(self) -> None:
        self.world = World()
        super().__init__(self.decide)
        self.schema = EMPTY

    def decide(self, command: AnyCommand) -> AnyOutcome:
        outcome = self.world.ask(command)
        tables = self.world.tables
        services = [row for _, row in tables.services.rows()]
        self.schema = build_schema(services, [row for _, row in tables.deployments.rows()], Config())
        return outcome


def play(scenario: Scenario, **endpoints: Discovered) -> None:
    async def run() -> None:
        gateway, discovery = Registry(), FakeDiscovery(**endpoints)
        async with client_of(gateway, discovery=discovery) as client:
            await scenario(client, discovery, gateway)

    asyncio.run(run())


def refused(answer: httpx.Response) -> tuple[int, Any]:
    return answer.status_code, answer.json()["restate_code"]


GREETER = endpoint(manifest("Greeter", "greet"))


@pytest.mark.row("A1", "A9", "A10")
def test_an_endpoint_is_registered() -> None:
    async def scenario(client: httpx.AsyncClient, discovery: FakeDiscovery, _: FakeGateway) -> None:
        body = {"uri": "http://greeter:9080", "additional_headers": {"X-Team": "a"}, "metadata": {"m": "1"}}
        made = await client.post("/deployments", json=body)
        assert made.status_code == 201
        identifier = made.json()["id"]
        assert made.headers["location"] == f"deployments/{identifier}"
        assert identifier.startswith("dp_1")
        assert made.json()["sdk_version"] == "sdk/1"
        (service,) = made.json()["services"]
        assert (service["name"], service["revision"], service["deployment_id"]) == ("Greeter", 1, identifier)
        assert discovery.asked == [(URI, False, {"x-team": "a"})]
        (listed,) = (await client.get("/deployments")).json()["deployments"]
        assert listed == {
            "id": identifier,
            "uri": URI,
            "protocol_type": "BidiStream",
            "http_version": "HTTP/2.0",
            "created_at": listed["created_at"],
            "min_protocol_version": 5,
            "max_protocol_version": 7,
            "sdk_version": "sdk/1",
            "additional_headers": {"x-team": "a"},
            "metadata": {"m": "1"},
            "services": [{"name": "Greeter", "revision": 1}],
        }
        detail = (await client.get(f"/deployments/{identifier}")).json()
        assert detail["services"][0]["handlers"][0]["name"] == "greet"

    play(scenario, greeter=GREETER)


@pytest.mark.row("A5", "A6")
def test_registered_again() -> None:
    async def scenario(client: httpx.AsyncClient, discovery: FakeDiscovery, _: FakeGateway) -> None:
        first = (await client.post("/deployments", json={"uri": URI})).json()
        again = await client.post("/deployments", json={"uri": URI})
        assert again.status_code == 200
        assert again.json() == first
        assert len(discovery.asked) == 1
        forced = await client.post("/deployments", json={"uri": URI, "force": True})
        assert (forced.status_code, forced.json()["id"]) == (200, first["id"])
        assert forced.json()["services"][0]["revision"] == 2
        by_version_2 = await client.post("/v2/deployments", json={"uri": URI})
        assert (by_version_2.status_code, by_version_2.json()["services"][0]["revision"]) == (201, 3)
        conflict = await client.post("/v2/deployments", json={"uri": URI, "force": False})
        assert refused(conflict) == (409, None)
        by_version_4 = await client.post("/v4/deployments", json={"uri": URI})
        assert by_version_4.json()["services"][0]["revision"] == 3

    play(scenario, greeter=GREETER)


@pytest.mark.row("A4")
def test_a_dry_run_registers_nothing() -> None:
    async def scenario(client: httpx.AsyncClient, _: FakeDiscovery, gateway: FakeGateway) -> None:
        would_be = await client.post("/deployments", json={"uri": URI, "dry_run": True})
        assert would_be.status_code == 201
        assert would_be.json()["services"][0]["revision"] == 1
        assert gateway.commands == []
        made = (await client.post("/deployments", json={"uri": URI})).json()
        again = await client.post("/deployments", json={"uri": URI, "dry_run": True, "force": True})
        assert (again.status_code, again.json()["id"], again.json()["services"][0]["revision"]) == (200, made["id"], 2)
        assert len(gateway.commands) == 1

    play(scenario, greeter=GREETER)


@pytest.mark.row("A7")
def test_a_service_does_not_change_its_type_unasked() -> None:
    changed = endpoint(manifest("Greeter", "greet", ty=ServiceType.VIRTUAL_OBJECT))

    async def scenario(client: httpx.AsyncClient, _: FakeDiscovery, gateway: FakeGateway) -> None:
        await client.post("/deployments", json={"uri": URI})
        for dry_run in (True, False):
            answer = await client.post("/deployments", json={"uri": "http://other", "dry_run": dry_run})
            assert refused(answer) == (409, "META0006")
        assert len(gateway.schema.deployments) == 1
        allowed = await client.post("/deployments", json={"uri": "http://other", "breaking": True})
        assert allowed.status_code == 201

    play(scenario, greeter=GREETER, other=changed)


def test_an_old_deployment_still_shows_what_it_serves() -> None:
    async def scenario(client: httpx.AsyncClient, _: FakeDiscovery, gateway: FakeGateway) -> None:
        old = (await client.post("/deployments", json={"uri": URI})).json()["id"]
        new = (await client.post("/deployments", json={"uri": "http://other"})).json()["id"]
        listed = {each["id"]: each["services"] for each in (await client.get("/deployments")).json()["deployments"]}
        assert listed == {old: [{"name": "Greeter", "revision": 1}], new: [{"name": "Greeter", "revision": 2}]}
        assert gateway.schema.handlers["Greeter", "greet"].deployment == new

    play(scenario, greeter=GREETER, other=GREETER)


@pytest.mark.row("A2")
def test_http1_and_request_response() -> None:
    greet = HandlerManifest(name="greet", inactivity_timeout=7)
    answering = endpoint(manifest("Greeter", greet, inactivity_timeout=5), mode="REQUEST_RESPONSE")

    async def scenario(client: httpx.AsyncClient, discovery: FakeDiscovery, gateway: FakeGateway) -> None:
        made = await client.post("/deployments", json={"uri": URI, "use_http_11": True})
        detail = (await client.get(f"/deployments/{made.json()['id']}")).json()
        assert (detail["http_version"], detail["protocol_type"]) == ("HTTP/1.1", "RequestResponse")
        assert discovery.asked[0][1]
        assert gateway.schema.handlers["Greeter", "greet"].inactivity_timeout == 0
        shown = (await client.get("/services/Greeter")).json()
        assert shown["inactivity_timeout"] == "0s"
        assert "inactivity_timeout" not in shown["handlers"][0]
        assert [shown["info"][0]["code"], shown["handlers"][0]["info"][0]["code"]] == ["RT0021", "RT0021"]

    play(scenario, greeter=answering)


RUNS = HandlerManifest(name="x", ty=HandlerType.WORKFLOW, idempotency_retention=1)
REFERS = InputRule(content_type="application/json", json_schema={"a": [{"$ref": "http://x/y.json"}]})


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (endpoint(), "META0005"),
        (endpoint(manifest("restateful", "x")), "META0005"),
        (endpoint(manifest("OpenAPI", "x")), "META0005"),
        (endpoint(manifest("A", "x"), manifest("A", "y")), "META0005"),
        (endpoint(manifest("A", "x", "x")), None),
        (endpoint(manifest("A", HandlerManifest(name="x", ty=HandlerType.WORKFLOW))), None),
        (endpoint(manifest("A", HandlerManifest(name="x", ingress_private=False), ingress_private=True)), None),
        (endpoint(manifest("A", HandlerManifest(name="x", workflow_completion_retention=1))), None),
        (endpoint(manifest("A", RUNS, ty=ServiceType.WORKFLOW)), None),
        (endpoint(manifest("A", HandlerManifest(name="x", input=REFERS))), None),
        (endpoint(manifest("A", HandlerManifest(name="x", output=OutputRule(content_type="\u00e4/b")))), None),
    ],
)
def test_what_cannot_be_served_is_refused(found: Discovered, code: str | None) -> None:
    async def scenario(client: httpx.AsyncClient, _: FakeDiscovery, gateway: FakeGateway) -> None:
        assert refused(await client.post("/deployments", json={"uri": URI})) == (400, code)
        assert gateway.commands == []

    play(scenario, greeter=found)


@pytest.mark.parametrize(
    "rule",
    [
        InputRule(content_type="nonsense"),
        InputRule(content_type=""),
        InputRule(content_type="text /plain"),
        InputRule(content_type="*/json"),
        InputRule(content_type="application/json", json_schema=5),
        InputRule(content_type="application/json", json_schema="string"),
    ],
)
def test_payload_rules_that_say_nothing_are_refused(rule: InputRule) -> None:
    async def scenario(client: httpx.AsyncClient, _: FakeDiscovery, __: FakeGateway) -> None:
        assert refused(await client.post("/deployments", json={"uri": URI})) == (400, None)

    play(scenario, greeter=endpoint(manifest("A", HandlerManifest(name="x", input=rule))))


def test_what_a_schema_says_of_itself_is_let_be() -> None:
    inner = HandlerManifest(name="x", input=InputRule(json_schema={"$ref": "#/a", "a": {"type": "string"}}))

    async def scenario(client: httpx.AsyncClient, _: FakeDiscovery, __: FakeGateway) -> None:
        assert (await client.post("/deployments", json={"uri": URI})).status_code == 201

    play(scenario, greeter=endpoint(manifest("A", inner)))


def test_a_deployment_that_speaks_only_what_is_not_switched_on() -> None:
    async def scenario(client: httpx.AsyncClient, _: FakeDiscovery, __: FakeGateway) -> None:
        assert refused(await client.post("/deployments", json={"uri": URI})) == (500, "META0012")

    play(scenario, greeter=endpoint(manifest("A", "x"), least=7))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"uri": "greeter"}, 400),
        ({"uri": "/x"}, 400),
        ({"uri": ""}, 422),
        ({"uri": "http://"}, 422),
        ({"uri": "http://a b/"}, 422),
        ({"uri": URI, "metadata": None}, 422),
        ({"uri": URI, "additional_headers": {"a b": "c"}}, 422),
        ({"uri": URI, "additional_headers": {"host": "c"}}, 400),
        ({"uri": URI, "additional_headers": {"a": "c\r\nd: e"}}, 422),
        ({"uri": URI, "additional_headers": {f"x-{n}": "1" for n in range(101)}}, 400),
        ({}, 422),
        ({"uri": 1}, 422),
        ({"arn": "arn:aws:lambda:x"}, 400),
        ({"arn": "arn:aws:lambda:x:1:function:f"}, 400),
        ({"uri": URI, "auth": {"GoogleIdToken": {}}}, 501),
        ({"uri": "http://nobody"}, 500),
    ],
)
def test_bad_requests(body: Any, status: int) -> None:
    async def scenario(client: httpx.AsyncClient, _: FakeDiscovery, gateway: FakeGateway) -> None:
        answer = await client.post("/deployments", json=body)
        assert answer.status_code == status
        assert gateway.commands == []

    play(scenario, greeter=GREETER)


def test_nobody_there() -> None:
    async def scenario(client: httpx.AsyncClient, _: FakeDiscovery, __: FakeGateway) -> None:
        assert refused(await client.post("/deployments", json={"uri": "http://nobody"})) == (500, "META0003")

    play(scenario)


def test_another_address() -> None:
    async def scenario(client: httpx.AsyncClient, discovery: FakeDiscovery, gateway: FakeGateway) -> None:
        made = (await client.post("/deployments", json={"uri": URI})).json()
        path = f"/deployments/{made['id']}"
        tried = await client.patch(path, json={"uri": "http://other", "dry_run": True})
        assert tried.json()["uri"] == "http://other/"
        moved = await client.patch(path, json={"uri": "http://other", "additional_headers": {"a": "b"}})
        assert moved.status_code == 200
        assert (moved.json()["uri"], moved.json()["additional_headers"]) == ("http://other/", {"a": "b"})
        assert moved.json()["services"][0]["revision"] == 1
        assert discovery.asked[-1] == ("http://other/", False, {"a": "b"})
        for dry_run in (True, False):
            more = await client.patch(path, json={"uri": "http://more", "overwrite": True, "dry_run": dry_run})
            assert {each["name"]: each["revision"] for each in more.json()["services"]} == {"Greeter": 1, "More": 1}
        assert (await client.put(path, json={})).status_code == 405
        assert (await client.put(f"{path}x", json={})).status_code == 400
        assert (await client.put(path)).status_code == 415
        assert list(gateway.schema.deployments) == [made["id"]]

    more = endpoint(manifest("Greeter", "greet"), manifest("More", "x"))
    play(scenario, greeter=GREETER, other=GREETER, more=more)


@pytest.mark.parametrize(
    "other",
    [
        endpoint(manifest("Greeter", "greet"), least=6),
        endpoint(manifest("Greeter", "greet"), most=6),
    ],
)
def test_an_address_that_invocations_could_not_go_on_at(other: Discovered) -> None:
    async def scenario(client: httpx.AsyncClient, _: FakeDiscovery, gateway: FakeGateway) -> None:
        made = (await client.post("/deployments", json={"uri": URI})).json()
        for overwrite in (False, True):
            body = {"uri": "http://other", "overwrite": overwrite}
            assert refused(await client.patch(f"/deployments/{made['id']}", json=body)) == (400, "META0016")
        assert gateway.schema.deployments[made["id"]].uri == URI

    play(scenario, greeter=GREETER, other=other)


@pytest.mark.row("A15")
def test_removal() -> None:
    async def scenario(client: httpx.AsyncClient, _: FakeDiscovery, gateway: FakeGateway) -> None:
        made = (await client.post("/deployments", json={"uri": URI})).json()
        path = f"/deployments/{made['id']}"
        for unfinished, said in (
            (0, "no unfinished invocation"),
            (1, "1 unfinished invocation is"),
            (7, "7 unfinished"),
        ):
            gateway.rows = [{"unfinished": unfinished}]
            answer = await client.delete(path)
            assert answer.status_code == 501
            assert answer.json()["message"].startswith(said)
        assert (await client.delete(path, params={"force": "maybe"})).status_code == 400
        assert (await client.delete(path, params={"force": "true"})).status_code == 202
        assert (await client.delete(path, params={"force": "true"})).status_code == 404
        assert not gateway.schema.deployments
        assert not gateway.schema.services

    play(scenario, greeter=GREETER)


def test_a_deployment_in_the_nodes_own_process_is_left_alone() -> None:
    async def scenario(client: httpx.AsyncClient, _: FakeDiscovery, gateway: FakeGateway) -> None:
        inside = Deployment("dp_10000000000000000000abc", 1, "odradek", 5, 7, (manifest("In", "x"),))
        assert not isinstance(await gateway.ask(RegisterDeployment(inside)), Refused)
        assert (await client.patch("/deployments/dp_10000000000000000000abc", json={"uri": URI})).status_code == 409
        assert (await client.delete("/deployments/dp_10000000000000000000abc?force=true")).status_code == 409
        (listed,) = (await client.get("/deployments")).json()["deployments"]
        assert listed["uri"] == "in-process://odradek/"

    play(scenario)
