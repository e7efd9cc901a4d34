"""From a request to the command it stands for: headers, input rules, delay, ids. Pure but for what is passed in."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl

import msgspec

from odradek.protocol.messages import Failure, Header, InputCommand, SignalNotification
from odradek_engine.durations import MalformedDuration, parse_duration
from odradek_engine.ingress.responses import RequestError
from odradek_engine.ingress.routes import (
    AwakeableRoute,
    HandlerRoute,
    ResultRoute,
    read_invocation_id,
    result_of_idempotent,
    result_of_workflow,
)
from odradek_engine.model.commands import Invoke, Signal
from odradek_engine.model.registry import HandlerSchema, Schema
from odradek_engine.model.rows import Invocation, Source, SourceKind
from odradek_engine.model.target import Target, TargetKind
from odradek_engine.partition.routing import new_invocation_id

INGRESS_PATH_HEADER: Final = "x-restate-ingress-path"
REJECTED_AWAKEABLE_CODE: Final = 500
_JSON: Final = "application/json"
_ANYTHING: Final = "*/*"
_SOURCE: Final = Source(SourceKind.INGRESS)
_REMEMBERED_HEADERS: Final = 2048
_REMEMBERED_HEADER_BYTES: Final = 128

_NOT_FORWARDED: Final = frozenset((b"connection", b"host", b"idempotency-expires", b"idempotency-key"))
_VARYING: Final = frozenset((b"content-length", b"traceparent", b"tracestate"))
"""Not worth remembering."""


class Head(msgspec.Struct, gc=False):
    """What the headers of a request say: those for the handler, and those for the ingress."""

    forwarded: list[Header]
    content_type: str | None = None
    idempotency_key: str | None = None
    origin: bytes | None = None


class HeaderReader:
    """Reads headers; remembers a bounded number of them, as most requests bring the same ones."""

    def __init__(self) -> None:
        self._remembered: dict[tuple[bytes, bytes], Header] = {}

    def read(self, target: str, raw: list[tuple[bytes, bytes]]) -> Head:
        """The head of a request; names in `raw` are in lower case. `RequestError` where a value is not ASCII."""
        forwarded = [Header(INGRESS_PATH_HEADER, target)]
        head = Head(forwarded)
        remembered = self._remembered
        for pair in raw:
            header = remembered.get(pair)
            if header is not None:
                forwarded.append(header)
                continue
            name, value = pair
            if name in _NOT_FORWARDED:
                if name == b"idempotency-key":
                    head.idempotency_key = _text(name, value) or None
                continue
            header = Header(name.decode("ascii"), _text(name, value))
            forwarded.append(header)
            if name == b"content-type":
                head.content_type = header.value
            elif name == b"origin":
                head.origin = value
            elif name == b"x-restate-limit-key":
                raise RequestError(400, "limit-key requires a scope to be set")
            elif name not in _VARYING and len(value) <= _REMEMBERED_HEADER_BYTES:
                if len(remembered) >= _REMEMBERED_HEADERS:
                    remembered.clear()
                remembered[pair] = header
        return head


def _text(name: bytes, value: bytes) -> str:
    try:
        return value.decode("ascii")
    except UnicodeDecodeError:
        raise RequestError(
            400, f"bad header {name.decode('latin-1')}: only visible ASCII characters are allowed"
        ) from None


def check_input(handler: HandlerSchema, body: bytes, content_type: str | None) -> None:
    """Refuses what the handler's input rule does not allow."""
    rule = handler.input_content_type
    if rule is None and handler.input_required:
        _refuse_input("Bad configuration of the input validation rules")
    elif rule is None:
        if body or content_type is not None:
            shown = "None" if content_type is None else f'Some("{content_type}")'
            _refuse_input(f"Expected body and content-type to be empty, but wasn't with content-type '{shown}'")
    elif content_type is None:
        if body or handler.input_required:
            _refuse_input("Empty content-type")
    elif not _matches(content_type, rule):
        _refuse_input(f"Content-type '{content_type}' does not match '{rule}'")
    elif not body and handler.input_body_required:
        _refuse_input("Empty body not allowed")


def _refuse_input(reason: str) -> None:
    raise RequestError(400, f"input validation error: {reason}")


def _matches(content_type: str, rule: str) -> bool:
    if rule in (_ANYTHING, content_type):
        return True
    media_type = content_type.partition(";")[0].strip().lower()
    wanted = rule.lower()
    return media_type == wanted or (wanted.endswith("/*") and media_type.startswith(wanted[:-1]))


def read_delay(query: str, send: bool) -> int | None:
    """Milliseconds of the query's `delay`, None without one. Bare numbers are milliseconds, as some clients send."""
    if "delay" not in query:
        return None
    text = dict(reversed(parse_qsl(query, keep_blank_values=True))).get("delay")
    if text is None:
        return None
    if not send:
        raise RequestError(
            400, "cannot use the delay query parameter with calls. The delay is supported only with sends"
        )
    try:
        return parse_duration(f"{text}ms" if text.isdecimal() else text)
    except MalformedDuration as error:
        raise RequestError(400, f"bad delay query parameter, must be a ISO8601 duration: {error}") from None


def check_idempotency_key(target: Target, idempotency_key: str | None) -> None:
    """Refuses one on a workflow's run, which its key makes idempotent already."""
    if idempotency_key is not None and target.kind is TargetKind.WORKFLOW_RUN:
        raise RequestError(
            400,
            "cannot use the idempotency key with workflow handlers. The handler invocation will already be idempotent "
            "by the workflow key itself.",
        )


def invoke(
    route: HandlerRoute,
    head: Head,
    body: bytes,
    idempotency_key: str | None,
    delay: int | None,
    now_ms: int,
    unique: bytes = b"",
) -> Invoke:
    """The command of a call or a send. `unique`: 16 random bytes where neither a key nor the target fixes the id."""
    handler = route.handler
    target = route.target
    completion_retention, journal_retention = handler.retentions(idempotency_key)
    invocation = Invocation(
        id=new_invocation_id(target, idempotency_key, unique),
        target=target,
        created_at=now_ms,
        source=_SOURCE,
        idempotency_key=idempotency_key,
        execution_time=0 if delay is None else now_ms + delay,
        completion_retention=completion_retention,
        journal_retention=journal_retention,
    )
    return Invoke(invocation, InputCommand(tuple(head.forwarded), body), not route.send)


def complete_awakeable(route: AwakeableRoute, body: bytes) -> Signal:
    """The command that resolves an awakeable with the body's bytes, or rejects it with the body's text."""
    if route.resolve:
        notification = SignalNotification(route.signal, value=body)
    else:
        failure = Failure(REJECTED_AWAKEABLE_CODE, body.decode("utf-8", "replace"))
        notification = SignalNotification(route.signal, failure=failure)
    return Signal(route.invocation, notification)


class _InvocationName(msgspec.Struct, rename="camel", tag="invocation", tag_field="target"):
    invocation_id: str


class _IdempotentName(msgspec.Struct, rename="camel", tag="idempotentInvocation", tag_field="target"):
    service: str
    handler: str
    idempotency_key: str
    key: str | None = None


class _WorkflowName(msgspec.Struct, rename="camel", tag="workflow", tag_field="target"):
    workflow_name: str
    workflow_key: str


_read_name: Final = msgspec.json.Decoder(_InvocationName | _IdempotentName | _WorkflowName).decode


def named_result(body: bytes, wait: bool, schema: Schema, what: str = "request") -> ResultRoute:
    """What a JSON body names as the invocation to attach to or to read. `what`: how errors call the body."""
    try:
        name = _read_name(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        reason = str(error).replace("Object missing required field", "missing field")
        raise RequestError(500, f"cannot read body: invalid {what} body: {reason}") from None
    if isinstance(name, _InvocationName):
        return ResultRoute(read_invocation_id(name.invocation_id), wait)
    if isinstance(name, _WorkflowName):
        return result_of_workflow(name.workflow_name, name.workflow_key, wait, schema)
    return result_of_idempotent(name.service, name.key, name.handler, name.idempotency_key, wait, schema)
