"""From a path to what it asks for, by what is registered. Pure.

Paths, precedence of errors and texts are those of Restate's ingress. Service and handler names are taken as they
are; keys and idempotency keys are percent-decoded.
"""

from __future__ import annotations

from typing import Final, TypeAlias
from urllib.parse import unquote_to_bytes

import msgspec

from odradek.protocol.ids import MalformedId, parse_awakeable_id, parse_invocation_id
from odradek.protocol.manifest import HandlerType, ServiceType
from odradek_engine.ingress.responses import RequestError
from odradek_engine.model.registry import HandlerSchema, Schema
from odradek_engine.model.target import Target
from odradek_engine.partition.routing import idempotent_id, workflow_run_id

_MIN_SLASHES: Final = 2
_MAX_SLASHES: Final = 7
_BAD_HANDLER_PATH: Final = "bad path, expected either /:service-name/:handler or /:object-name/:object-key/:handler"
_BAD_PREFIXED_PATH: Final = (
    "bad path, expected /restate/call/:service/:handler, /restate/send/:service/:handler, "
    "/restate/attach/:invocation_id or /restate/output/:invocation_id"
)
_BAD_INVOCATION_PATH: Final = (
    "bad path, expected either /restate/invocation/:invocation_id/output or "
    "/restate/invocation/:invocation_id/attach or "
    "/restate/invocation/:invocation_target/:idempotency_key/output or "
    "/restate/invocation/:invocation_target/:idempotency_key/attach"
)
_BAD_WORKFLOW_PATH: Final = (
    "bad path, expected either /restate/workflow/:workflow_name/:workflow_key/output or "
    "/restate/workflow/:workflow_name/:workflow_key/attach"
)
_BAD_AWAKEABLE_PATH: Final = (
    "bad path, expected either /restate/awakeables/:id/resolve or /restate/awakeables/:id/reject"
)
GET: Final = (b"GET",)
POST: Final = (b"POST",)
GET_OR_POST: Final = (b"GET", b"POST")


class HandlerRoute(msgspec.Struct, frozen=True):
    """Call a handler, or send to it."""

    handler: HandlerSchema
    target: Target
    send: bool
    methods: tuple[bytes, ...] = GET_OR_POST


class ResultRoute(msgspec.Struct, frozen=True):
    """Read an invocation's result; `wait`: attach to it. `handler`: where the path says whose it is."""

    invocation: bytes
    wait: bool
    handler: HandlerSchema | None = None
    methods: tuple[bytes, ...] = GET


class NamedResultRoute(msgspec.Struct, frozen=True):
    """The same; the body says which invocation."""

    wait: bool
    methods: tuple[bytes, ...] = POST


class LookupRoute(msgspec.Struct, frozen=True):
    """Tell the id of an invocation that the body names."""

    methods: tuple[bytes, ...] = POST


class AwakeableRoute(msgspec.Struct, frozen=True):
    """Complete an awakeable."""

    invocation: bytes
    signal: int
    resolve: bool
    methods: tuple[bytes, ...] = POST


class HealthRoute(msgspec.Struct, frozen=True):
    """Is the node there, and with which services."""

    methods: tuple[bytes, ...] = GET


Route: TypeAlias = HandlerRoute | ResultRoute | NamedResultRoute | LookupRoute | AwakeableRoute | HealthRoute


def find_route(path: str, method: bytes, schema: Schema) -> Route:
    """What a path (without query) asks for; `RequestError` if nothing."""
    trimmed = f"/{path.lstrip('/')}".removesuffix("/")
    if not _MIN_SLASHES <= trimmed.count("/") <= _MAX_SLASHES:
        raise RequestError(400, f"bad path: {trimmed or '/'}")
    first, *segments = trimmed[1:].split("/")
    if first == "restate":
        route = _reserved_route(segments, method, schema)
    elif first == "openapi":
        raise RequestError(404, "not found")
    else:
        route = _handler_route(first, segments, schema)
    return check_method(route, method)


def check_method(route: Route, method: bytes) -> Route:
    """The route, if it may be asked for with this method."""
    if method not in route.methods:
        raise RequestError(405, "method not allowed")
    return route


def _reserved_route(segments: list[str], method: bytes, schema: Schema) -> Route:
    name, *rest = segments
    match name:
        case "health":
            return HealthRoute()
        case "call" | "send":
            return _prefixed_handler_route(rest, name == "send", schema)
        case "attach" | "output":
            if not rest:
                return NamedResultRoute(wait=name == "attach")
            if len(rest) > 1:
                raise RequestError(400, _BAD_PREFIXED_PATH)
            return ResultRoute(read_invocation_id(rest[0]), wait=name == "attach")
        case "lookup" if not rest:
            return LookupRoute()
        case "workflow":
            return _workflow_route(rest, schema)
        case "invocation":
            return _invocation_route(rest, schema)
        case "awakeables" | "a":
            return _awakeable_route(rest, method)
        case "scope":
            raise RequestError(400, "scoped invocations require vqueues to be enabled")
        case _:
            raise RequestError(404, "not found")


def _handler_route(service: str, segments: list[str], schema: Schema) -> HandlerRoute:
    keyed = _is_keyed(service, schema)
    key = segments.pop(0) if keyed else ""
    if not segments or segments[1:] not in ([], ["send"]):
        raise RequestError(400, _BAD_HANDLER_PATH)
    return _public_handler(service, key, segments[0], len(segments) > 1, schema)


def _prefixed_handler_route(segments: list[str], send: bool, schema: Schema) -> HandlerRoute:
    if len(segments) < 2:
        raise RequestError(400, _BAD_PREFIXED_PATH)
    keyed = _is_keyed(segments[0], schema)
    if len(segments) != 2 + keyed:
        raise RequestError(400, _BAD_PREFIXED_PATH)
    return _public_handler(segments[0], segments[1] if keyed else "", segments[-1], send, schema)


def _public_handler(service: str, key: str, name: str, send: bool, schema: Schema) -> HandlerRoute:
    handler = schema.handler(service, name)
    if handler is None:
        raise RequestError(
            404,
            f"the service '{service}' exists, but the handler '{name}' was not found, check that the handler exists "
            "in the latest registered service version.",
        )
    if not handler.public:
        raise RequestError(400, "the invoked service is not public")
    return HandlerRoute(handler, Target(handler.kind, service, name, _decode(key, "key")), send)


def _is_keyed(service: str, schema: Schema) -> bool:
    registered = schema.services.get(service)
    if registered is None:
        raise RequestError(404, f"service '{service}' not found, make sure to register the service before calling it.")
    return registered.manifest.ty is not ServiceType.SERVICE


def _invocation_route(rest: list[str], schema: Schema) -> ResultRoute:
    if len(rest) < 2:
        raise RequestError(400, _BAD_INVOCATION_PATH)
    *subject, verb = rest
    if len(subject) == 1:
        if verb not in ("attach", "output"):
            raise RequestError(404, "not found")
        return ResultRoute(read_invocation_id(subject[0]), wait=verb == "attach")
    keyed = _is_keyed(subject[0], schema)
    if len(subject) < 3 + keyed:
        raise RequestError(400, _BAD_INVOCATION_PATH)
    if len(subject) > 3 + keyed or verb not in ("attach", "output"):
        raise RequestError(404, "not found")
    key = _decode(subject[1], "key") if keyed else None
    idempotency_key = _decode(subject[-1], "idempotency key")
    return result_of_idempotent(subject[0], key, subject[-2], idempotency_key, verb == "attach", schema)


def _workflow_route(rest: list[str], schema: Schema) -> ResultRoute:
    if len(rest) < 3:
        raise RequestError(400, _BAD_WORKFLOW_PATH)
    workflow, key, verb, *more = rest
    if more or verb not in ("attach", "output"):
        raise RequestError(404, "not found")
    return result_of_workflow(workflow, _decode(key, "key"), verb == "attach", schema)


def result_of_workflow(workflow: str, key: str, wait: bool, schema: Schema) -> ResultRoute:
    """The result of a workflow's run. Nothing of it need be registered any more."""
    return ResultRoute(workflow_run_id(workflow, key), wait, _main_handler(workflow, schema))


def _main_handler(workflow: str, schema: Schema) -> HandlerSchema | None:
    service = schema.services.get(workflow)
    handlers = () if service is None else service.manifest.handlers
    main = (handler.name for handler in handlers if handler.ty is HandlerType.WORKFLOW)
    return schema.handler(workflow, next(main, ""))


def result_of_idempotent(
    service: str, key: str | None, handler: str, idempotency_key: str, wait: bool, schema: Schema
) -> ResultRoute:
    """The result of the invocation that an idempotency key names. Nothing of it need be registered any more."""
    invocation = idempotent_id(service, key, handler, idempotency_key)
    return ResultRoute(invocation, wait, schema.handler(service, handler))


def _awakeable_route(rest: list[str], method: bytes) -> AwakeableRoute:
    if len(rest) != 2:
        raise RequestError(400, _BAD_AWAKEABLE_PATH)
    awakeable, verb = rest
    if verb not in ("resolve", "reject"):
        raise RequestError(404, "not found")
    if method not in POST:
        raise RequestError(405, "method not allowed")
    try:
        invocation, signal = parse_awakeable_id(awakeable)
    except MalformedId as error:
        raise RequestError(400, f"bad awakeable id '{awakeable}': {error}") from None
    return AwakeableRoute(invocation, signal, resolve=verb == "resolve")


def read_invocation_id(text: str) -> bytes:
    """The raw id; `RequestError` if it is malformed."""
    try:
        return parse_invocation_id(text)
    except MalformedId as error:
        raise RequestError(400, f"bad invocation id '{text}': {error}") from None


def _decode(segment: str, what: str) -> str:
    if "%" not in segment:
        return segment
    try:
        return unquote_to_bytes(segment).decode()
    except UnicodeDecodeError:
        raise RequestError(400, f"bad path, cannot decode {what}: it is not UTF-8") from None
