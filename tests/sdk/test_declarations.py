"""Declaring services: what is checked where it is written, and the manifest that comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec
import pydantic
import pytest

import odradek
from odradek.handler import handler_from_callable
from odradek.protocol.manifest import HandlerManifest, HandlerType, InputRule, OnMaxAttempts, OutputRule, ServiceType
from odradek.serde import BytesSerde


class Struct(msgspec.Struct):
    number: int


class Model(pydantic.BaseModel):
    number: int


@dataclass
class Data:
    number: int


STRUCT_PROPERTIES = {"number": {"type": "integer"}}


def manifest_of(function: Any, **options: Any) -> HandlerManifest:
    service = odradek.Service("Svc")
    service.handler(**options)(function)
    return odradek.app([service]).manifest().services[0].handlers[0]


def test_handler_without_input_and_output() -> None:
    async def handler(ctx: odradek.Context) -> None:
        """What it does."""

    manifest = manifest_of(handler)
    assert manifest.name == "handler"
    assert manifest.documentation == "What it does."
    assert manifest.input == InputRule()
    assert manifest.output == OutputRule()
    assert manifest.ty is None
    assert msgspec.json.encode(manifest.input) == b"{}"


@pytest.mark.parametrize(
    ("hint", "schema"),
    [
        (str, {"type": "string"}),
        (int, {"type": "integer"}),
        (float, {"type": "number"}),
        (bool, {"type": "boolean"}),
        (list[int], {"type": "array", "items": {"type": "integer"}}),
        (dict[str, Any], {"type": "object"}),
        (Any, True),
        (bytes, True),
        (type("Opaque", (), {}), True),
    ],
)
def test_schemas_of_plain_types(hint: Any, schema: Any) -> None:
    async def handler(ctx, value):  # type: ignore[no-untyped-def]
        return value

    handler.__annotations__ = {"value": hint, "return": hint}
    manifest = manifest_of(handler)
    assert manifest.input == InputRule(content_type="application/json", json_schema=schema)
    assert manifest.output == OutputRule(content_type="application/json", json_schema=schema)


@pytest.mark.parametrize("hint", [Struct, Data])
def test_schemas_of_structs_and_dataclasses(hint: Any) -> None:
    async def handler(ctx, value):  # type: ignore[no-untyped-def]
        return value

    handler.__annotations__ = {"value": hint}
    rule = manifest_of(handler).input
    assert rule is not None
    assert rule.json_schema["$defs"][hint.__name__]["properties"] == STRUCT_PROPERTIES


@pytest.mark.parametrize("hint", [Model, list[Model], Model | None])
def test_schemas_of_pydantic_models(hint: Any) -> None:
    async def handler(ctx, value):  # type: ignore[no-untyped-def]
        return value

    handler.__annotations__ = {"value": hint}
    rule = manifest_of(handler).input
    assert rule is not None
    assert "integer" in str(rule.json_schema)
    assert "Model" in str(rule.json_schema)


def test_annotations_kept_as_text_are_evaluated() -> None:
    async def handler(ctx: odradek.Context, value: Struct) -> list[str]:
        return []

    manifest = manifest_of(handler)
    assert manifest.input is not None
    assert "Struct" in manifest.input.json_schema["$defs"]
    assert manifest.output is not None
    assert manifest.output.json_schema == {"type": "array", "items": {"type": "string"}}


def test_options_of_handlers() -> None:
    async def handler(ctx: odradek.Context, body: bytes) -> bytes:
        return body

    manifest = manifest_of(
        handler,
        name="other",
        accept="*/*",
        content_type="application/octet-stream",
        input_serde=BytesSerde(),
        output_serde=BytesSerde(),
        metadata={"a": "b"},
        inactivity_timeout=timedelta(seconds=1),
        abort_timeout=timedelta(seconds=2),
        journal_retention=timedelta(seconds=3),
        idempotency_retention=timedelta(seconds=4),
        ingress_private=True,
        invocation_retry_policy=odradek.InvocationRetryPolicy(
            timedelta(milliseconds=5), 1.5, timedelta(seconds=6), 7, "kill"
        ),
    )
    assert manifest == HandlerManifest(
        name="other",
        input=InputRule(content_type="*/*", json_schema=True),
        output=OutputRule(content_type="application/octet-stream", json_schema=True),
        metadata={"a": "b"},
        inactivity_timeout=1000,
        abort_timeout=2000,
        journal_retention=3000,
        idempotency_retention=4000,
        ingress_private=True,
        retry_policy_initial_interval=5,
        retry_policy_exponentiation_factor=1.5,
        retry_policy_max_interval=6000,
        retry_policy_max_attempts=7,
        retry_policy_on_max_attempts=OnMaxAttempts.KILL,
    )


def test_objects_and_kinds_of_handlers() -> None:
    account = odradek.VirtualObject("Account", "accounts", {"team": "a"}, ingress_private=False)

    @account.handler()
    async def exclusive(ctx: odradek.ObjectContext) -> None:
        return None

    @account.handler(kind="shared")
    async def shared(ctx: odradek.ObjectSharedContext) -> None:
        return None

    (manifest,) = odradek.app([account]).manifest().services
    assert (manifest.ty, manifest.documentation, manifest.metadata) == (
        ServiceType.VIRTUAL_OBJECT,
        "accounts",
        {"team": "a"},
    )
    assert manifest.ingress_private is False
    assert [handler.ty for handler in manifest.handlers] == [HandlerType.EXCLUSIVE, HandlerType.SHARED]


@pytest.mark.parametrize(
    ("options", "lazy"),
    [
        ({}, None),
        ({"enable_lazy_state": True}, True),
        ({"state_preload": True}, False),
        ({"state_preload": False}, True),
        ({"state_preload": ["a"]}, True),
    ],
)
def test_state_preload(options: Any, lazy: bool | None) -> None:
    account = odradek.VirtualObject("Account", **options)

    @account.handler(**options)
    async def handler(ctx: odradek.ObjectContext) -> None:
        return None

    (manifest,) = odradek.app([account]).manifest().services
    assert manifest.enable_lazy_state is lazy
    assert manifest.handlers[0].enable_lazy_state is lazy


def test_state_preload_excludes_its_old_spelling() -> None:
    with pytest.raises(ValueError, match="only one of them"):
        odradek.VirtualObject("Account", enable_lazy_state=True, state_preload=True)


@pytest.mark.parametrize("name", ["", "1a", "a b", "a/b", "_", "restateful", "OpenAPI", "Restate"])
def test_bad_service_names(name: str) -> None:
    with pytest.raises(ValueError, match="service name"):
        odradek.Service(name)


async def good(ctx: odradek.Context) -> None:
    return None


async def three_parameters(ctx: odradek.Context, a: int, b: int) -> None:
    return None


async def no_parameters() -> None:
    return None


def not_async(ctx: odradek.Context) -> None:
    return None


@pytest.mark.parametrize(
    ("function", "name", "error", "text"),
    [
        (good, "bad-name", ValueError, "Svc/bad-name: a handler's name must match"),
        (three_parameters, None, ValueError, "at most one input"),
        (no_parameters, None, ValueError, "takes the context"),
        (not_async, None, TypeError, "Svc/not_async: a handler must be defined with `async def`"),
    ],
)
def test_bad_handlers(function: Any, name: str | None, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        odradek.Service("Svc").handler(name)(function)


def test_names_may_be_used_once() -> None:
    service = odradek.Service("Svc")
    service.handler()(good)
    with pytest.raises(ValueError, match="Svc/good is declared twice"):
        service.handler()(good)
    with pytest.raises(ValueError, match="Svc is there twice"):
        odradek.app([service, odradek.Service("Svc")])
    with pytest.raises(ValueError, match="not a service"):
        odradek.app([good])  # type: ignore[list-item]


def test_one_function_may_serve_two_services() -> None:
    first, second = odradek.Service("First"), odradek.Service("Second")
    one, two = first.handler()(good), second.handler()(good)
    assert handler_from_callable(one).target == "First/good"
    assert handler_from_callable(two).target == "Second/good"


def test_decorated_functions_can_still_be_called() -> None:
    import asyncio

    service = odradek.Service("Svc")

    @service.handler()
    async def double(ctx: odradek.Context | None, number: int) -> int:
        return number * 2

    assert asyncio.run(double(None, 4)) == 8
    assert double.__name__ == "double"
