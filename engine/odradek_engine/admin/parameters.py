"""Reads bodies, query parameters and ids of admin requests; what is broken ends in the right status and text."""

from __future__ import annotations

import re
from typing import Final, TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request

from odradek.protocol.ids import MalformedId, parse_invocation_id, parse_resource_id
from odradek_engine.admin.errors import BAD_SHAPE, AdminError, BadRequest

T = TypeVar("T")

BODY_BYTES: Final = 1024 * 1024
_JSON: Final = re.compile(r"application/(.+\+)?json")
_INDEX_MAX: Final = 2**32 - 1
_INDEX_DIGITS: Final = 1_000


async def read_json(request: Request, shape: type[T], limit_bytes: int = BODY_BYTES) -> T:
    """The body as a value of a type; 415, 413, 400 or 422 if it is none."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if _JSON.fullmatch(content_type) is None:
        raise BadRequest(415, "Expected request with `Content-Type: application/json`")
    body = bytearray()
    try:
        async for part in request.stream():
            body += part
            if len(body) > limit_bytes:
                raise BadRequest(413, "length limit exceeded")
    except ClientDisconnect:
        raise BadRequest(400, "The request's body broke off") from None
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as error:
        reason = str(error).replace("Object missing required field", "missing field")
        raise BadRequest(422, f"{BAD_SHAPE}: {reason}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(400, f"Failed to parse the request body as JSON: {error}") from None


def read_flag(request: Request, name: str) -> bool:
    """A query parameter that is `true` or `false`; absent means false."""
    text = request.query_params.get(name, "false")
    if text not in ("true", "false"):
        raise BadRequest(400, f"Failed to deserialize query string: {name}: '{text}' is neither `true` nor `false`")
    return text == "true"


def read_index(request: Request, name: str) -> int:
    """A query parameter that is an index of 32 bits; absent means 0."""
    texts = request.query_params.getlist(name) or ["0"]
    text = texts[0].removeprefix("+")
    if len(texts) > 1:
        reason = f"duplicate field `{name}`"
    elif not texts[0]:
        reason = f"{name}: cannot parse integer from empty string"
    elif not (text.isascii() and text.isdigit()):
        reason = f"{name}: invalid digit found in string"
    elif len(text) > _INDEX_DIGITS or int(text) > _INDEX_MAX:
        reason = f"{name}: number too large to fit in target type"
    else:
        return int(text)
    raise BadRequest(400, f"Failed to deserialize query string: {reason}")


def read_invocation_id(request: Request) -> tuple[str, bytes]:
    """The invocation in the path, as text and raw."""
    text = request.path_params["invocation_id"]
    try:
        return text, parse_invocation_id(text)
    except MalformedId as error:
        raise AdminError(400, f"The request field 'invocation_id' is invalid. Reason: {error}") from None


def check_resource_id(what: str, prefix: str, text: str) -> str:
    """An id in the path that looks like one of its kind."""
    try:
        parse_resource_id(prefix, text)
    except MalformedId as error:
        raise BadRequest(400, f"Invalid URL: Cannot parse `{what}` with value `{text}`: {error}") from None
    return text
