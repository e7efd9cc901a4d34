"""Requests to other handlers: who is called, checked where the caller can see it, and the bytes of the argument."""

from __future__ import annotations

from typing import Any

from odradek.handler import Handler
from odradek.protocol.messages import Header
from odradek.vm.commands.call import Outgoing


def typed_request(
    handler: Handler[Any, Any],
    key: str | None,
    argument: Any,
    idempotency_key: str | None,
    headers: dict[str, str] | None,
) -> Outgoing:
    """A request to a declared handler. Raises `TypeError` if the key and the kind of service do not fit."""
    is_keyed = handler.kind is not None
    if is_keyed and key is None:
        kind = handler.service_tag.kind
        of = "an object" if kind == "object" else "a workflow"
        raise TypeError(f"{handler.target} belongs to {of}: use {kind}_call or {kind}_send, with its key")
    if not is_keyed and key is not None:
        raise TypeError(f"{handler.target} belongs to a plain service: use service_call or service_send")
    parameter = handler.handler_io.input_serde.serialize(argument)
    return _request(handler.service_tag.name, handler.name, key, parameter, idempotency_key, headers)


def generic_request(
    service: str,
    handler: str,
    key: str | None,
    argument: bytes,
    idempotency_key: str | None,
    headers: dict[str, str] | None,
    scope: str | None = None,
    limit_key: str | None = None,
) -> Outgoing:
    """A request by names. Raises `TypeError` if the argument is not bytes."""
    if not isinstance(argument, bytes | bytearray | memoryview):
        raise TypeError(f"the argument for {service}/{handler} must be bytes, not {type(argument).__qualname__}")
    request = _request(service, handler, key, bytes(argument), idempotency_key, headers)
    return request._replace(scope=scope, limit_key=limit_key)


def _request(
    service: str,
    handler: str,
    key: str | None,
    parameter: bytes,
    idempotency_key: str | None,
    headers: dict[str, str] | None,
) -> Outgoing:
    if key is not None and not isinstance(key, str):
        raise TypeError(f"the key for {service}/{handler} must be a str, not {type(key).__qualname__}")
    return Outgoing(service, handler, key or "", parameter, _pairs(headers), idempotency_key)


def _pairs(headers: dict[str, str] | None) -> tuple[Header, ...]:
    if not headers:
        return ()
    for name, value in headers.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise TypeError(f"header {name!r} must be a str with a str value, not {type(value).__qualname__}")
    return tuple(Header(name, value) for name, value in headers.items())


def describe_target(request: Outgoing) -> str:
    """`Service/key/handler` for messages."""
    return (
        f"{request.service}/{request.key}/{request.handler}" if request.key else f"{request.service}/{request.handler}"
    )
