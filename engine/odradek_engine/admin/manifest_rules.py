"""What an endpoint's manifest must keep to, beyond its shape, before its services are registered. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import NoneType
from typing import Any, Final

from odradek.protocol.manifest import (
    HANDLER_NAME,
    SERVICE_NAME,
    EndpointManifest,
    HandlerManifest,
    HandlerType,
    InputRule,
    OutputRule,
    ServiceManifest,
    ServiceType,
    is_reserved_service_name,
)

SERVICES_MAX: Final = 10_000
"""Of one deployment."""
_SCHEMA_DEPTH_MAX: Final = 200
_CONTENT_TYPE: Final = re.compile(r"[^/\s;]+/[^/\s;]+(\s*;.*)?")

_HANDLER_TYPES: Final = {
    ServiceType.SERVICE: (None, HandlerType.SHARED),
    ServiceType.VIRTUAL_OBJECT: (None, HandlerType.EXCLUSIVE, HandlerType.SHARED),
    ServiceType.WORKFLOW: (None, HandlerType.WORKFLOW, HandlerType.SHARED),
}


class BadManifest(ValueError):
    """A manifest that breaks a rule. The text names the service, and what to change."""


def check_manifest(manifest: EndpointManifest) -> None:
    """Raises `BadManifest` for the first rule that is broken."""
    for complaint in _complaints(manifest):
        raise BadManifest(complaint)


def _complaints(manifest: EndpointManifest) -> Iterator[str]:
    if not manifest.services:
        yield "the deployment serves no service: bind one to its endpoint"
    if len(manifest.services) > SERVICES_MAX:
        yield f"the deployment serves {len(manifest.services)} services: at most {SERVICES_MAX} are taken"
    names = [service.name for service in manifest.services]
    for service in manifest.services:
        if names.count(service.name) > 1:
            yield f"the deployment serves two services named '{service.name}'"
        if SERVICE_NAME.fullmatch(service.name) is None:
            yield f"'{service.name}' cannot be the name of a service: it must match {SERVICE_NAME.pattern}"
        if is_reserved_service_name(service.name):
            yield f"the service name '{service.name}' is reserved, as is every name that begins with 'restate'"
        yield from _handler_complaints(service)


def _handler_complaints(service: ServiceManifest) -> Iterator[str]:
    names = [handler.name for handler in service.handlers]
    for handler in service.handlers:
        where = f"{service.name}/{handler.name}"
        if names.count(handler.name) > 1:
            yield f"the service '{service.name}' has two handlers named '{handler.name}'"
        if HANDLER_NAME.fullmatch(handler.name) is None:
            yield f"'{handler.name}' cannot be the name of a handler of {service.name}: {HANDLER_NAME.pattern}"
        if handler.ty not in _HANDLER_TYPES[service.ty]:
            yield f"{where} is of type {handler.ty and handler.ty.value}, which a {service.ty.value} cannot have"
        if service.ingress_private and handler.ingress_private is False:
            yield f"{where} is public, but the service {service.name} is private: make the service public"
        yield from _retention_complaints(where, handler)
        for rule in (handler.input, handler.output):
            if rule is not None:
                yield from _payload_complaints(where, rule)


def _retention_complaints(where: str, handler: HandlerManifest) -> Iterator[str]:
    if handler.ty is HandlerType.WORKFLOW:
        if handler.idempotency_retention is not None:
            yield f"{where} runs a workflow, which has no idempotency retention: set its completion retention"
    elif handler.workflow_completion_retention is not None:
        yield f"{where} runs no workflow, and so has no workflow completion retention"


def _payload_complaints(where: str, rule: InputRule | OutputRule) -> Iterator[str]:
    if rule.content_type is not None and _CONTENT_TYPE.fullmatch(rule.content_type) is None:
        yield f"{where} has the content type '{rule.content_type}', which is none: write type/subtype"
    if not isinstance(rule.json_schema, (dict, bool, NoneType)):
        yield f"the JSON schema of {where} is neither an object nor true or false"
    elif _refers_outside(rule.json_schema):
        yield f"the JSON schema of {where} refers to another document: put everything into the schema"


def _refers_outside(schema: Any) -> bool:
    """Whether a JSON schema has a `$ref` to anything but itself."""
    level = [schema]
    for _ in range(_SCHEMA_DEPTH_MAX):
        if not level:
            return False
        nested: list[Any] = []
        for node in level:
            if isinstance(node, dict):
                reference = node.get("$ref")
                if isinstance(reference, str) and not reference.startswith("#"):
                    return True
                nested += node.values()
            elif isinstance(node, list):
                nested += node
        level = [node for node in nested if isinstance(node, (dict, list))]
    return True
