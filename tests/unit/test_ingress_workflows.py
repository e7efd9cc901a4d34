"""Workflows at the ingress: runs without idempotency keys, and the ways to name their results."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from fakes_http import NOW_MS, FakeGateway, echo, ingress

import odradek
from odradek.protocol.ids import format_invocation_id
from odradek_engine.config import Config
from odradek_engine.ingress.responses import RequestError
from odradek_engine.ingress.routes import LookupRoute, ResultRoute, find_route
from odradek_engine.model.commands import Attach, Invoke, ReadOutput
from odradek_engine.model.outcomes import Ended
from odradek_engine.model.registry import Deployment, RegisteredService
from odradek_engine.model.rows import Result
from odradek_engine.model.target import TargetKind
from odradek_engine.partition.routing import idempotent_id, workflow_run_id
from odradek_engine.schema import build_schema

flow = odradek.Workflow("Flow")


@flow.main()
async def main(ctx: odradek.WorkflowContext, name: str) -> str: ...


@flow.handler()
async def look(ctx: odradek.WorkflowSharedContext) -> str: ...


MANIFESTS = odradek.app([flow]).manifest().services
DEPLOYMENT = Deployment("dp", NOW_MS, "", 5, 7, MANIFESTS)
SCHEMA = build_schema([RegisteredService(each, "dp", 1) for each in MANIFESTS], [DEPLOYMENT], Config())
RUN = workflow_run_id("Flow", "a/b")
JSON = {"content-type": "application/json"}


def ask(method: str, path: str, answer: Any = echo, **options: Any) -> tuple[httpx.Response, FakeGateway]:
    async def scenario() -> tuple[httpx.Response, FakeGateway]:
        gateway = FakeGateway(answer)
        gateway.schema = SCHEMA
        async with ingress(gateway) as (_, client):
            return await client.request(method, path, **options), gateway

    return asyncio.run(scenario())


def test_a_run_has_the_id_of_its_key() -> None:
    response, gateway = ask("POST", "/Flow/a%2Fb/main/send", json="ada")
    (command,) = gateway.commands
    assert isinstance(command, Invoke)
    assert (command.invocation.id, command.invocation.idempotency_key) == (RUN, None)
    assert command.invocation.target.kind is TargetKind.WORKFLOW_RUN
    assert response.json() == {"invocationId": format_invocation_id(RUN), "status": "Accepted"}


@pytest.mark.parametrize("suffix", ["", "/send"])
def test_a_run_takes_no_idempotency_key(suffix: str) -> None:
    response, gateway = ask("POST", f"/Flow/k/main{suffix}", json="ada", headers={"idempotency-key": "x"})
    message = (
        "cannot use the idempotency key with workflow handlers. The handler invocation will already be idempotent by "
        "the workflow key itself."
    )
    assert (response.status_code, response.json()) == (400, {"code": 400, "message": message, "source": "ingress"})
    assert gateway.commands == []


def test_other_handlers_may_have_one_and_are_given_none() -> None:
    async def scenario() -> FakeGateway:
        gateway = FakeGateway()
        gateway.schema = SCHEMA
        async with ingress(gateway) as (_, client):
            for headers in ({}, {}, {"idempotency-key": "x"}):
                await client.post("/Flow/k/look", headers=headers)
        return gateway

    invocations = [each.invocation for each in asyncio.run(scenario()).commands if isinstance(each, Invoke)]
    assert len({each.id for each in invocations}) == 3
    assert [each.idempotency_key for each in invocations] == [None, None, "x"]
    assert invocations[2].id == idempotent_id("Flow", "k", "look", "x")
    assert {each.target.kind for each in invocations} == {TargetKind.WORKFLOW_SHARED}


@pytest.mark.parametrize(("how", "command"), [("attach", Attach(RUN)), ("output", ReadOutput(RUN))])
def test_results_by_path_and_by_name(how: str, command: Attach | ReadOutput) -> None:
    name = {"target": "workflow", "workflowName": "Flow", "workflowKey": "a/b"}

    def ended(_: Any) -> Ended:
        return Ended(RUN, Result(b'"out"'), NOW_MS)

    for response, gateway in (
        ask("GET", f"/restate/workflow/Flow/a%2Fb/{how}", ended),
        ask("POST", f"/restate/{how}", ended, json=name),
    ):
        assert gateway.commands == [command]
        assert (response.json(), response.headers["content-type"]) == ("out", "application/json")
        assert "idempotency-expires" in response.headers


def test_a_workflow_need_not_be_registered() -> None:
    route = find_route("/restate/workflow/Gone/k/output", b"GET", SCHEMA)
    assert route == ResultRoute(workflow_run_id("Gone", "k"), wait=False)
    route = find_route("/restate/workflow/Flow//attach", b"GET", SCHEMA)
    assert route == ResultRoute(workflow_run_id("Flow", ""), True, SCHEMA.handler("Flow", "main"))


@pytest.mark.parametrize(
    ("path", "method", "status", "message"),
    [
        ("/restate/workflow/Flow", b"GET", 400, "bad path, expected either /restate/workflow/:workflow_name"),
        ("/restate/workflow/Flow/k", b"GET", 400, "bad path, expected either /restate/workflow/:workflow_name"),
        ("/restate/workflow/Flow/k/watch", b"GET", 404, "not found"),
        ("/restate/workflow/Flow/k/attach/x", b"GET", 404, "not found"),
        ("/restate/workflow/Flow/k/attach", b"POST", 405, "method not allowed"),
        ("/restate/lookup", b"GET", 405, "method not allowed"),
        ("/restate/lookup/x", b"POST", 404, "not found"),
    ],
)
def test_paths_that_ask_for_nothing(path: str, method: bytes, status: int, message: str) -> None:
    with pytest.raises(RequestError) as refused:
        find_route(path, method, SCHEMA)
    assert refused.value.status == status
    assert refused.value.message.startswith(message)


def test_a_lookup_asks_nobody() -> None:
    assert find_route("/restate/lookup", b"POST", SCHEMA) == LookupRoute()
    names = [
        ({"target": "workflow", "workflowName": "Gone", "workflowKey": "k"}, workflow_run_id("Gone", "k")),
        ({"target": "invocation", "invocationId": format_invocation_id(RUN)}, RUN),
        (
            {"target": "idempotentInvocation", "service": "S", "key": "k", "handler": "h", "idempotencyKey": "x"},
            idempotent_id("S", "k", "h", "x"),
        ),
    ]
    for name, invocation in names:
        response, gateway = ask("POST", "/restate/lookup", json=name)
        assert response.json() == {"invocationId": format_invocation_id(invocation)}
        assert gateway.commands == []


def test_a_lookup_of_nothing() -> None:
    response, _ = ask("POST", "/restate/lookup", json={"target": "nobody"}, headers=JSON)
    assert response.status_code == 500
    assert response.json()["message"].startswith("cannot read body")
