"""OpenAPI of a service: how its public handlers are called over HTTP, and how results are fetched. Pure.

The paths are the ingress's long ones (`/restate/call/...`), which name what they do.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from odradek.protocol.manifest import HandlerManifest, HandlerType, InputRule, OutputRule, ServiceManifest, ServiceType
from odradek_engine.model.registry import RegisteredService

_JSON: Final = "application/json"
_TEXT: Final = {"type": "string"}
_PARAMETERS: Final = {
    "key": {
        "name": "key",
        "in": "path",
        "required": True,
        "description": "Key of the object or workflow.",
        "schema": _TEXT,
    },
    "idempotencyKeyHeader": {
        "name": "idempotency-key",
        "in": "header",
        "required": False,
        "description": "Requests with the same key are one invocation for as long as its result is kept.",
        "schema": _TEXT,
    },
    "idempotencyKeyPath": {
        "name": "idempotencyKey",
        "in": "path",
        "required": True,
        "description": "The idempotency key that the request was made with.",
        "schema": _TEXT,
    },
    "delay": {
        "name": "delay",
        "in": "query",
        "required": False,
        "description": "How long to wait before the handler starts: `10s`, `1h`, or an ISO 8601 duration.",
        "example": "10s",
        "schema": _TEXT,
    },
}
_ERROR_SCHEMA: Final = {
    "title": "Error",
    "type": "object",
    "description": "An error of the ingress, or the terminal failure of the invocation.",
    "required": ["message", "source"],
    "properties": {
        "code": {"type": "integer"},
        "message": _TEXT,
        "source": {
            "type": "string",
            "enum": ["ingress", "invocation"],
            "description": "Whether the ingress answered by itself or the invocation failed; also in the header "
            "x-restate-error-source.",
        },
        "metadata": {"type": "object", "additionalProperties": _TEXT},
        "stacktrace": _TEXT,
    },
}
_SEND_SCHEMA: Final = {
    "title": "SendResponse",
    "type": "object",
    "required": ["invocationId", "status"],
    "properties": {
        "invocationId": _TEXT,
        "status": {"type": "string", "enum": ["Accepted", "PreviouslyAccepted"]},
        "executionTime": {"type": "string", "format": "date-time", "description": "When the handler starts."},
    },
}


def _content(schema: Any) -> dict[str, Any]:
    return {_JSON: {"schema": schema}}


def _reference(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}


def _error(description: str) -> dict[str, Any]:
    return {"description": description, "content": _content(_reference("schemas", "RestateError"))}


_RESPONSES: Final = {
    "GenericError": _error("The request was refused, or the invocation failed."),
    "InvocationNotFoundError": _error("There is no such invocation, or it is not kept any more."),
    "InvocationNotReadyError": _error("The invocation has no result yet."),
    "Send": {"description": "The invocation is durable.", "content": _content(_SEND_SCHEMA)},
}


def service_document(registered: RegisteredService, ingress_url: str) -> dict[str, Any]:
    """The OpenAPI 3.1 document of a service. `ingress_url`: where its handlers are called."""
    service = registered.manifest
    public = [handler for handler in service.handlers if _is_public(service, handler)]
    paths = {path: operation for handler in public for path, operation in _paths(service, handler)}
    schemas = {name: schema for handler in public for name, schema in _schemas(handler)}
    info: dict[str, Any] = {"title": service.name, "version": str(registered.revision)}
    if service.documentation:
        info["description"] = service.documentation
    if service.metadata:
        info["x-restate-extensions"] = dict(service.metadata)
    return {
        "openapi": "3.1.0",
        "info": info,
        "servers": [{"url": ingress_url, "description": "Ingress"}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "parameters": _PARAMETERS,
            "responses": _RESPONSES,
            "schemas": {"RestateError": _ERROR_SCHEMA, **schemas},
        },
    }


def _is_public(service: ServiceManifest, handler: HandlerManifest) -> bool:
    return not (service.ingress_private if handler.ingress_private is None else handler.ingress_private)


def _paths(service: ServiceManifest, handler: HandlerManifest) -> Iterator[tuple[str, dict[str, Any]]]:
    keyed = service.ty is not ServiceType.SERVICE
    target = f"{service.name}/{{key}}/{handler.name}" if keyed else f"{service.name}/{handler.name}"
    key = [_reference("parameters", "key")] if keyed else []
    idempotent = service.ty is not ServiceType.WORKFLOW
    header = [_reference("parameters", "idempotencyKeyHeader")] if idempotent else []
    yield f"/restate/call/{target}", {"post": _call(handler, f"Calls {target}.", key + header)}
    delay = _reference("parameters", "delay")
    yield f"/restate/send/{target}", {"post": _send(handler, f"Sends to {target}.", [*key, *header, delay])}
    if idempotent:
        path = f"/restate/invocation/{target}/{{idempotencyKey}}"
        key = [*key, _reference("parameters", "idempotencyKeyPath")]
    elif handler.ty is HandlerType.WORKFLOW:
        path = f"/restate/workflow/{service.name}/{{key}}"
    else:
        return
    yield f"{path}/attach", {"get": _attach(handler, f"Waits for the result of {target}.", key)}
    yield f"{path}/output", {"get": _output(handler, f"Reads the result of {target} as it is.", key)}


def _operation(
    handler: HandlerManifest, name: str, description: str, parameters: list[dict[str, str]]
) -> dict[str, Any]:
    return {
        "operationId": handler.name + name,
        "summary": handler.name,
        "description": f"{description}\n\n{handler.documentation}" if handler.documentation else description,
        "parameters": parameters,
        "tags": [name or "Call"],
    }


def _call(handler: HandlerManifest, description: str, parameters: list[dict[str, str]]) -> dict[str, Any]:
    responses = {"200": _result(handler), "default": _reference("responses", "GenericError")}
    return _operation(handler, "", description, parameters) | _request(handler) | {"responses": responses}


def _send(handler: HandlerManifest, description: str, parameters: list[dict[str, str]]) -> dict[str, Any]:
    responses = {"202": _reference("responses", "Send"), "default": _reference("responses", "GenericError")}
    return _operation(handler, "Send", description, parameters) | _request(handler) | {"responses": responses}


def _attach(handler: HandlerManifest, description: str, parameters: list[dict[str, str]]) -> dict[str, Any]:
    responses = {
        "200": _result(handler),
        "404": _reference("responses", "InvocationNotFoundError"),
        "default": _reference("responses", "GenericError"),
    }
    return _operation(handler, "Attach", description, parameters) | {"responses": responses}


def _output(handler: HandlerManifest, description: str, parameters: list[dict[str, str]]) -> dict[str, Any]:
    responses = _attach(handler, description, parameters)["responses"]
    responses["470"] = _reference("responses", "InvocationNotReadyError")
    return _operation(handler, "Output", description, parameters) | {"responses": responses}


def _request(handler: HandlerManifest) -> dict[str, Any]:
    rule = handler.input or InputRule(content_type="*/*")
    if rule.content_type is None:
        return {}
    body = {"schema": _reference("schemas", f"{handler.name}Request")} if rule.json_schema is not None else {}
    return {"requestBody": {"required": rule.required, "content": {rule.content_type: body}}}


def _result(handler: HandlerManifest) -> dict[str, Any]:
    rule = handler.output or OutputRule(content_type=_JSON)
    response: dict[str, Any] = {"description": "The handler's result."}
    if rule.content_type is not None:
        body = {"schema": _reference("schemas", f"{handler.name}Response")} if rule.json_schema is not None else {}
        response["content"] = {rule.content_type: body}
    return response


def _schemas(handler: HandlerManifest) -> Iterator[tuple[str, Any]]:
    for rule, suffix in ((handler.input, "Request"), (handler.output, "Response")):
        if rule is not None and rule.json_schema is not None:
            name = handler.name + suffix
            yield name, _moved(rule.json_schema, f"#/components/schemas/{name}")


def _moved(schema: Any, place: str) -> Any:
    """A schema whose references to its own parts hold where it stands now."""
    if isinstance(schema, list):
        return [_moved(part, place) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: place + part[1:]
        if name == "$ref" and isinstance(part, str) and part.startswith("#")
        else _moved(part, place)
        for name, part in schema.items()
    }
