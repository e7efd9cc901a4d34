"""From outcomes and errors to HTTP responses. Pure; texts, headers and statuses are Restate's."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import msgspec

from odradek.protocol.ids import format_invocation_id
from odradek.protocol.messages import Failure
from odradek_engine.instants import format_instant, utc
from odradek_engine.model.outcomes import Accepted, AnyOutcome, Ended, NotCompleted, NotFound, Refused
from odradek_engine.model.registry import HandlerSchema
from odradek_engine.model.rows import Result

_JSON: Final = b"content-type: application/json\r\n"
_INGRESS_ERROR: Final = b"x-restate-error-source: ingress\r\n" + _JSON
_INVOCATION_ERROR: Final = b"x-restate-error-source: invocation\r\n" + _JSON
_TEXT: Final = b"content-type: text/plain; charset=utf-8\r\n"
NOT_READY_STATUS: Final = 470
_FIRST_FINAL_STATUS: Final = 200
_LAST_STATUS: Final = 999


class Response(msgspec.Struct, frozen=True, gc=False):
    """Status, header lines (each with its CRLF) and body; framing headers are the connection's business."""

    status: int
    headers: bytes
    body: bytes = b""


class RequestError(Exception):
    """A request that the ingress itself answers, with a status and a text."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class ErrorBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """The JSON of every error."""

    code: int
    message: str
    source: str
    metadata: dict[str, str] = {}
    stacktrace: str = ""


class _SendBody(msgspec.Struct, frozen=True, rename="camel"):
    invocation_id: str
    execution_time: str | msgspec.UnsetType
    status: str


class _LookupBody(msgspec.Struct, frozen=True, rename="camel"):
    invocation_id: str


class _HealthBody(msgspec.Struct, frozen=True):
    services: list[str]


def ingress_error(status: int, message: str) -> Response:
    """An error that no invocation caused."""
    return Response(status, _INGRESS_ERROR, msgspec.json.encode(ErrorBody(status, message, "ingress")))


MALFORMED_HTTP: Final = ingress_error(400, "malformed HTTP/1.1 request")
HEAD_TOO_LARGE: Final = ingress_error(431, "request line and headers are too large")
TOO_SLOW: Final = ingress_error(408, "the request did not arrive in time")
BODY_TOO_LARGE: Final = Response(413, _TEXT, b"length limit exceeded")
TOO_MANY_CONNECTIONS: Final = ingress_error(503, "too many connections, try again later")
TOO_MANY_BODIES: Final = ingress_error(503, "too many request bodies are coming in, try again later")
STOPPING: Final = ingress_error(503, "the node is stopping")
INTERNAL_ERROR: Final = ingress_error(500, "internal error")


def health(services: list[str]) -> Response:
    """The names of the registered services."""
    return Response(200, _JSON, msgspec.json.encode(_HealthBody(services)))


def looked_up(invocation: bytes) -> Response:
    """The id of an invocation, whether there is one or not."""
    return Response(200, _JSON, msgspec.json.encode(_LookupBody(format_invocation_id(invocation))))


def preflight(headers: list[tuple[bytes, bytes]]) -> Response:
    """The answer to a browser's preflight: whatever it wants to do is allowed."""
    asked = dict(headers)
    lines = b""
    for name in (b"method", b"headers"):
        wanted = asked.get(b"access-control-request-" + name)
        if wanted is not None:
            allowed = b"methods" if name == b"method" else b"headers"
            lines += b"access-control-allow-%b: %b\r\n" % (allowed, wanted)
    return Response(200, lines)


@lru_cache(maxsize=1024)
def content_type_line(content_type: str | None) -> bytes:
    """The header line of a content type, empty without one."""
    return b"" if content_type is None else f"content-type: {content_type}\r\n".encode("latin-1", "replace")


def result_content_type(handler: HandlerSchema | None, result: Result) -> bytes:
    """The content type line of a result, by its handler's output rule."""
    if handler is None or not (result.value or handler.output_content_type_if_empty):
        return b""
    return content_type_line(handler.output_content_type)


def ended(outcome: Ended, content_type: bytes) -> Response:
    """A result: the value as the handler gave it, or its terminal failure."""
    result = outcome.result
    headers = b"x-restate-id: %b\r\n" % format_invocation_id(outcome.invocation).encode()
    if outcome.expires_at is not None:
        expires = utc(outcome.expires_at).isoformat(timespec="milliseconds")
        headers += b"idempotency-expires: %b\r\n" % expires.encode()
    if result.failure is not None:
        return _failure(headers, result.failure, result.stacktrace)
    return Response(200, headers + content_type, result.value or b"")


def accepted(outcome: Accepted) -> Response:
    """The acceptance of a send."""
    invocation_id = format_invocation_id(outcome.invocation)
    body = _SendBody(
        invocation_id,
        format_instant(outcome.execution_time) if outcome.execution_time else msgspec.UNSET,
        "PreviouslyAccepted" if outcome.existing else "Accepted",
    )
    return Response(202, b"%bx-restate-id: %b\r\n" % (_JSON, invocation_id.encode()), msgspec.json.encode(body))


def attached(outcome: AnyOutcome, content_type: bytes) -> Response:
    """The answer to `attach`."""
    if isinstance(outcome, NotFound):
        headers = b"x-restate-id: %b\r\n%b" % (format_invocation_id(outcome.invocation).encode(), _INVOCATION_ERROR)
        return Response(404, headers, msgspec.json.encode(ErrorBody(404, "not found", "invocation")))
    return _common(outcome, content_type)


def output(outcome: AnyOutcome, content_type: bytes) -> Response:
    """The answer to `output`."""
    if isinstance(outcome, NotFound):
        return ingress_error(404, "invocation not found")
    if isinstance(outcome, NotCompleted):
        return ingress_error(NOT_READY_STATUS, "the invocation exists but has not completed yet")
    return _common(outcome, content_type)


def invoked(outcome: AnyOutcome, content_type: bytes) -> Response:
    """The answer to a call or a send."""
    if isinstance(outcome, Accepted):
        return accepted(outcome)
    return _common(outcome, content_type)


def awakeable_told(outcome: AnyOutcome, content_type: bytes) -> Response:  # noqa: ARG001
    """The answer to a completion of an awakeable; also where nobody waits for it any more."""
    if isinstance(outcome, Refused):
        return ingress_error(outcome.code, outcome.message)
    return Response(202, b"")


def _common(outcome: AnyOutcome, content_type: bytes) -> Response:
    if isinstance(outcome, Ended):
        return ended(outcome, content_type)
    if isinstance(outcome, Refused):
        return ingress_error(outcome.code, outcome.message)
    return INTERNAL_ERROR


def _failure(headers: bytes, failure: Failure, stacktrace: str) -> Response:
    body = ErrorBody(failure.code, failure.message, "invocation", dict(failure.metadata), stacktrace)
    # An interim status (1xx) cannot end an exchange.
    status = failure.code if _FIRST_FINAL_STATUS <= failure.code <= _LAST_STATUS else 500
    return Response(status, headers + _INVOCATION_ERROR, msgspec.json.encode(body))
