"""What a manifest that came over the wire may not have, beyond what its types say: unknown fields, impossible names.

Older and newer engines read stored manifests, where unknown fields must pass; what a deployment sends is held to all of
it, so that a misspelt setting is an error and not silently without effect. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from odradek.protocol.manifest import (
    HANDLER_NAME,
    SERVICE_NAME,
    EndpointManifest,
    HandlerManifest,
    InputRule,
    OutputRule,
    ServiceManifest,
)

_LAMBDA_COMPRESSION: Final = "lambdaCompression"


def check_shape(manifest: dict[str, Any]) -> None:
    """Of one whose types are right. Raises `msgspec.ValidationError` for the first thing that is wrong."""
    for complaint in _complaints(manifest):
        raise msgspec.ValidationError(complaint)


def _complaints(manifest: dict[str, Any]) -> Iterator[str]:
    yield from _unknown(manifest, EndpointManifest, "$", _LAMBDA_COMPRESSION)
    for number, service in enumerate(manifest["services"]):
        place = f"$.services[{number}]"
        yield from _unknown(service, ServiceManifest, place)
        if "handlers" not in service:
            yield f"Object missing required field `handlers` - at `{place}`"
            return
        if SERVICE_NAME.fullmatch(service["name"]) is None:
            yield f"'{service['name']}' cannot be the name of a service: it must match {SERVICE_NAME.pattern}"
        for index, handler in enumerate(service["handlers"]):
            yield from _complaints_of_handler(service["name"], handler, f"{place}.handlers[{index}]")


def _complaints_of_handler(service: str, handler: dict[str, Any], place: str) -> Iterator[str]:
    yield from _unknown(handler, HandlerManifest, place)
    yield from _unknown(handler.get("input") or {}, InputRule, f"{place}.input")
    yield from _unknown(handler.get("output") or {}, OutputRule, f"{place}.output")
    if HANDLER_NAME.fullmatch(handler["name"]) is None:
        yield f"'{handler['name']}' cannot be the name of a handler of {service}: {HANDLER_NAME.pattern}"


def _unknown(found: dict[str, Any], shape: type[msgspec.Struct], place: str, *others: str) -> Iterator[str]:
    known = {field.encode_name for field in msgspec.structs.fields(shape)}
    for name in found.keys() - known - set(others):
        yield f"unknown field `{name}` - at `{place}`"
