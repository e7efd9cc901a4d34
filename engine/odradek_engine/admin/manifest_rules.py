"""What an endpoint's manifest must keep to, beyond its shape, before its services are registered. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from types import NoneType
from typing import Any, Final

from odradek.protocol.manifest import (
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
    """A manifest that breaks a rule. The text names the service, and what to change.

    `by_name`: it is about what the services are, or are called.
    """

    def __init__(self, complaint: str, *, by_name: bool) -> None:
        super().__init__(complaint)
        self.by_name = by_name


def check_manifest(manifest: EndpointManifest) -> None:
    """Raises `BadManifest` for the first rule that is broken."""
    for complaint in _complaints_of_names(manifest):
        raise BadManifest(complaint, by_name=True)
    for service in manifest.services:
        for complaint in _handler_complaints(service):
            raise BadManifest(complaint, by_name=False)


def _complaints_of_names(manifest: EndpointManifest) -> Iterator[str]:
    if not manifest.services:
        yield "the deployment serves no service: bind one to its endpoint"
    if len(manifest.services) > SERVICES_MAX:
        yield f"the deployment serves {len(manifest.services)} services: at most {SERVICES_MAX} are taken"
    counts = Counter(service.name for service in manifest.services)
    for name, count in counts.items():
        if count > 1:
            yield f"the deployment serves two services named '{name}'"
        if is_reserved_service_name(name):
            yield f"the service name '{name}' is reserved, as is every name that begins with 'restate'"


def _handler_complaints(service: ServiceManifest) -> Iterator[str]:
    names = [handler.name for handler in service.handlers]
    for handler in service.handlers:
        where = f"{service.name}/{handler.name}"
        if names.count(handler.name) > 1:
            yield f"the service '{service.name}' has two handlers named '{handler.name}'"
        if handler.ty not in _HANDLER_TYPES[service.ty]:
            yield f"{where} is of type {handler.ty and handler.ty.value}, which a {service.ty.value} cannot have"
        if service.ingress_private and handler.ingress_private is False:
            yield f"{where} is public, but the service {service.name} is private: make the service public"
        yield from _retention_complaints(where, handler)
        if handler.input is not None and _is_no_type(handler.input.content_type):
            yield f"{where} takes the content type '{handler.input.content_type}': write type/subtype, type/* or */*"
        if handler.output is not None and not (handler.output.content_type or "").isascii():
            yield f"{where} returns the content type '{handler.output.content_type}', which no header can have"
        for rule in (handler.input, handler.output):
            if rule is not None and rule.content_type is not None:
                yield from _schema_complaints(where, rule)


def _retention_complaints(where: str, handler: HandlerManifest) -> Iterator[str]:
    if handler.ty is HandlerType.WORKFLOW:
        if handler.idempotency_retention is not None:
            yield f"{where} runs a workflow, which has no idempotency retention: set its completion retention"
    elif handler.workflow_completion_retention is not None:
        yield f"{where} runs no workflow, and so has no workflow completion retention"


def _is_no_type(content_type: str | None) -> bool:
    if content_type is None or content_type == "*/*":
        return False
    return content_type.startswith("*/") or _CONTENT_TYPE.fullmatch(content_type) is None


def _schema_complaints(where: str, rule: InputRule | OutputRule) -> Iterator[str]:
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
