"""OpenAPI of the admin API, made of its routes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from odradek_engine.admin.errors import json_response
from odradek_engine.admin.operations import TEXT, Operation

_JSON: Final = "application/json"
_ERROR: Final = {
    "type": "object",
    "required": ["message"],
    "properties": {
        "message": TEXT,
        "restate_code": {"type": ["string", "null"], "description": "The documented code, where there is one."},
    },
}
_REFUSED: Final = {
    "description": "What was asked for cannot be done; text in place of JSON where the request itself is broken.",
    "content": {_JSON: {"schema": {"$ref": "#/components/schemas/ErrorDescription"}}, "text/plain": {"schema": TEXT}},
}


class Document:
    """The route of it."""

    def __init__(self, others: Sequence[Operation], version: str) -> None:
        self._others = others
        self._version = version

    def routes(self) -> list[Operation]:
        """All of them."""
        return [Operation("GET", "/openapi", self._show, "This document")]

    async def _show(self, _: Request) -> Response:
        return json_response(api_document([*self._others, *self.routes()], self._version))


def api_document(operations: Iterable[Operation], version: str) -> dict[str, Any]:
    """The OpenAPI 3.1 document of the admin API."""
    operations = list(operations)
    bodies = {operation.body for operation in operations if operation.body is not None}
    _, schemas = msgspec.json.schema_components(
        sorted(bodies, key=lambda body: body.__name__), ref_template="#/components/schemas/{name}"
    )
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path_format, {})[operation.method.lower()] = _described(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Admin API",
            "description": "For operators: deployments, services, invocations, state, topics, subscriptions, SQL.",
            "version": version,
        },
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": {"ErrorDescription": _ERROR, **schemas},
            "responses": {"Refused": _REFUSED},
        },
    }


def _described(operation: Operation) -> dict[str, Any]:
    parameters = [{"name": name, "in": "path", "required": True, "schema": TEXT} for name in operation.param_convertors]
    parameters += [
        {"name": each.name, "in": "query", "required": False, "schema": each.schema, "description": each.description}
        for each in operation.query
    ]
    described: dict[str, Any] = {
        "tags": [operation.path.split("/")[1]],
        "summary": operation.summary,
        "operationId": _identifier(operation),
        "parameters": parameters,
        "responses": {
            **{str(status): {"description": HTTPStatus(status).phrase} for status in operation.statuses},
            "default": {"$ref": "#/components/responses/Refused"},
        },
    }
    if operation.body is not None:
        schema = {"$ref": f"#/components/schemas/{operation.body.__name__}"}
        described["requestBody"] = {"required": True, "content": {_JSON: {"schema": schema}}}
    return described


def _identifier(operation: Operation) -> str:
    """`get_services_service`: the method and the path in words."""
    words = operation.path_format.replace("-", "_").replace("{", "").replace("}", "").strip("/").split("/")
    return "_".join([operation.method.lower(), *words])
