"""OpenAPI of a service: its paths, and references that hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from fakes_admin import ask_admin

import odradek
from odradek_engine.admin.openapi import service_document
from odradek_engine.model.registry import RegisteredService


@dataclass
class Guest:
    """Who comes."""

    name: str
    friend: Guest | None = None


svc = odradek.Service("Svc", description="Greets.")
obj = odradek.VirtualObject("Obj")
flow = odradek.Workflow("Flow")


@svc.handler()
async def greet(ctx: odradek.Context, guest: Guest) -> list[Guest]:
    """Greets a guest."""


@svc.handler(accept="image/*", content_type="text/plain", input_serde=odradek.serde.BytesSerde())
async def describe(ctx: odradek.Context, image: bytes) -> bytes: ...


@svc.handler()
async def nothing(ctx: odradek.Context) -> None: ...


@svc.handler(ingress_private=True)
async def hidden(ctx: odradek.Context) -> None: ...


@obj.handler()
async def add(ctx: odradek.ObjectContext, number: int) -> int: ...


@flow.main()
async def run(ctx: odradek.WorkflowContext) -> str: ...


@flow.handler()
async def click(ctx: odradek.WorkflowSharedContext) -> None: ...


SERVICES = {each.name: each for each in odradek.app([svc, obj, flow]).manifest().services}


def document(name: str) -> dict[str, Any]:
    return service_document(RegisteredService(SERVICES[name], "dp_1", 3), "http://127.0.0.1:8080/")


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        for name, value in part.items():
            if name == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


@pytest.mark.parametrize("name", SERVICES)
def test_every_reference_leads_somewhere(name: str) -> None:
    whole = document(name)
    found = list(references(whole))
    assert found
    for reference in found:
        part = whole
        for step in reference.removeprefix("#/").split("/"):
            part = part[step]


@pytest.mark.row("L8")
@pytest.mark.parametrize(
    ("name", "paths"),
    [
        (
            "Obj",
            [
                "/restate/call/Obj/{key}/add",
                "/restate/invocation/Obj/{key}/add/{idempotencyKey}/attach",
                "/restate/invocation/Obj/{key}/add/{idempotencyKey}/output",
                "/restate/send/Obj/{key}/add",
            ],
        ),
        (
            "Flow",
            [
                "/restate/call/Flow/{key}/click",
                "/restate/call/Flow/{key}/run",
                "/restate/send/Flow/{key}/click",
                "/restate/send/Flow/{key}/run",
                "/restate/workflow/Flow/{key}/attach",
                "/restate/workflow/Flow/{key}/output",
            ],
        ),
    ],
)
def test_the_paths(name: str, paths: list[str]) -> None:
    assert list(document(name)["paths"]) == paths


def test_private_handlers_are_left_out() -> None:
    paths = document("Svc")["paths"]
    assert "/restate/call/Svc/greet" in paths
    assert not any("hidden" in path for path in paths)


@pytest.mark.row("A11", "A12")
def test_a_call() -> None:
    whole = document("Svc")
    assert (whole["openapi"], whole["info"]["description"], whole["info"]["version"]) == ("3.1.0", "Greets.", "3")
    call = whole["paths"]["/restate/call/Svc/greet"]["post"]
    assert call["operationId"] == "greet"
    assert call["description"] == "Calls Svc/greet.\n\nGreets a guest."
    assert call["parameters"] == [{"$ref": "#/components/parameters/idempotencyKeyHeader"}]
    assert call["requestBody"]["content"] == {
        "application/json": {"schema": {"$ref": "#/components/schemas/greetRequest"}}
    }
    assert whole["components"]["schemas"]["greetRequest"]["$ref"] == "#/components/schemas/greetRequest/$defs/Guest"


def test_what_is_not_json() -> None:
    paths = document("Svc")["paths"]
    described = paths["/restate/call/Svc/describe"]["post"]
    assert list(described["requestBody"]["content"]) == ["image/*"]
    assert list(described["responses"]["200"]["content"]) == ["text/plain"]
    silent = paths["/restate/call/Svc/nothing"]["post"]
    assert "requestBody" not in silent
    assert "content" not in silent["responses"]["200"]


@pytest.mark.row("L8")
def test_a_send_and_the_results() -> None:
    paths = document("Flow")["paths"]
    send = paths["/restate/send/Flow/{key}/run"]["post"]
    assert [each["$ref"].rpartition("/")[2] for each in send["parameters"]] == ["key", "delay"]
    assert list(send["responses"]) == ["202", "default"]
    assert list(paths["/restate/workflow/Flow/{key}/attach"]["get"]["responses"]) == ["200", "404", "default"]
    assert "470" in paths["/restate/workflow/Flow/{key}/output"]["get"]["responses"]
    names = [each["operationId"] for path in paths.values() for each in path.values()]
    assert len(set(names)) == len(names)


def test_the_route() -> None:
    response, _ = ask_admin("GET", "/services/Obj/openapi")
    assert response.json()["info"]["title"] == "Obj"
    missing, _ = ask_admin("GET", "/services/Nope/openapi")
    assert (missing.status_code, missing.json()["message"]) == (404, "The requested service 'Nope' does not exist")
