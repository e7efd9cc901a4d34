"""The client of the ingress, over httpx, which is imported when a client is made: handlers do not need it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar, cast
from urllib.parse import quote

import msgspec

from odradek.client_types import HttpError, RestateClient, RestateClientSendHandle
from odradek.context import HandlerType
from odradek.entry_codec import JournalValueCodec
from odradek.handler import Handler, handler_from_callable

if TYPE_CHECKING:
    import httpx

I = TypeVar("I")  # noqa: E741
O = TypeVar("O")  # noqa: E741

DEFAULT_INGRESS: Final = "http://127.0.0.1:8080"
CONNECT_SECONDS: Final = 10.0
_BYTES: Final = "application/octet-stream"


class _Asked(NamedTuple):
    """A request to a handler, before it is HTTP. `content_type` None: there is no input."""

    service: str
    handler: str
    key: str | None
    body: bytes
    content_type: str | None
    idempotency_key: str | None
    headers: dict[str, str] | None
    scope: str | None = None
    limit_key: str | None = None


class IngressClient(RestateClient):
    """Implements `RestateClient` over one HTTP client."""

    def __init__(self, http: httpx.AsyncClient, codec: JournalValueCodec | None) -> None:
        self._http = http
        self._codec = codec

    async def service_call(
        self,
        tpe: HandlerType[I, O],
        arg: I,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> O:
        """Calls a service's handler."""
        return await self._typed_call(tpe, None, arg, idempotency_key, headers)

    async def service_send(
        self,
        tpe: HandlerType[I, O],
        arg: I,
        send_delay: timedelta | None = None,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> RestateClientSendHandle:
        """Sends to a service's handler."""
        asked = self._typed(handler_from_callable(tpe), None, arg, idempotency_key, headers)
        return await self._send(asked, send_delay)

    async def object_call(
        self,
        tpe: HandlerType[I, O],
        key: str,
        arg: I,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> O:
        """Calls an object's handler."""
        return await self._typed_call(tpe, key, arg, idempotency_key, headers)

    async def object_send(
        self,
        tpe: HandlerType[I, O],
        key: str,
        arg: I,
        send_delay: timedelta | None = None,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> RestateClientSendHandle:
        """Sends to an object's handler."""
        return await self._send(self._typed(handler_from_callable(tpe), key, arg, idempotency_key, headers), send_delay)

    async def workflow_call(
        self,
        tpe: HandlerType[I, O],
        key: str,
        arg: I,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> O:
        """Calls a workflow's handler."""
        return await self._typed_call(tpe, key, arg, idempotency_key, headers)

    async def workflow_send(
        self,
        tpe: HandlerType[I, O],
        key: str,
        arg: I,
        send_delay: timedelta | None = None,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> RestateClientSendHandle:
        """Sends to a workflow's handler."""
        return await self._send(self._typed(handler_from_callable(tpe), key, arg, idempotency_key, headers), send_delay)

    async def generic_call(
        self,
        service: str,
        handler: str,
        arg: bytes,
        key: str | None = None,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
        scope: str | None = None,
        limit_key: str | None = None,
    ) -> bytes:
        """Calls a handler by name."""
        asked = _Asked(service, handler, key, arg, _BYTES, idempotency_key, headers, scope, limit_key)
        return await self._call(asked)

    async def generic_send(
        self,
        service: str,
        handler: str,
        arg: bytes,
        key: str | None = None,
        send_delay: timedelta | None = None,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
        scope: str | None = None,
        limit_key: str | None = None,
    ) -> RestateClientSendHandle:
        """Sends to a handler by name."""
        asked = _Asked(service, handler, key, arg, _BYTES, idempotency_key, headers, scope, limit_key)
        return await self._send(asked, send_delay)

    # --- requests ---

    async def _typed_call(
        self,
        tpe: HandlerType[I, O],
        key: str | None,
        arg: I,
        idempotency_key: str | None,
        headers: dict[str, str] | None,
    ) -> O:
        handler = handler_from_callable(tpe)
        result = await self._call(self._typed(handler, key, arg, idempotency_key, headers))
        return cast(O, handler.handler_io.output_serde.deserialize(result))

    def _typed(
        self,
        handler: Handler[Any, Any],
        key: str | None,
        arg: Any,
        idempotency_key: str | None,
        headers: dict[str, str] | None,
    ) -> _Asked:
        io = handler.handler_io
        body = io.input_serde.serialize(arg) if io.has_input else b""
        accepted = _BYTES if "*" in io.accept else io.accept
        content_type = accepted if io.has_input else None
        return _Asked(handler.service_tag.name, handler.name, key, body, content_type, idempotency_key, headers)

    async def _call(self, asked: _Asked) -> bytes:
        response = await self._post(asked, "call", {})
        return response.content if self._codec is None else await self._codec.decode(response.content)

    async def _send(self, asked: _Asked, delay: timedelta | None) -> RestateClientSendHandle:
        params = {"delay": f"{int(delay.total_seconds() * 1000)}ms"} if delay else {}
        response = await self._post(asked, "send", params)
        return RestateClientSendHandle(response.json()["invocationId"], response.status_code)

    async def _post(self, asked: _Asked, verb: str, params: dict[str, str]) -> httpx.Response:
        headers = dict(asked.headers or {})
        body = asked.body
        if asked.content_type is not None:
            if not any(name.lower() == "content-type" for name in headers):
                headers["content-type"] = asked.content_type
            body = body if self._codec is None else self._codec.encode(body)
        if asked.idempotency_key is not None:
            headers["idempotency-key"] = asked.idempotency_key
        if asked.limit_key is not None:
            headers["x-restate-limit-key"] = asked.limit_key
        response = await self._http.post(_path(asked, verb), content=body, headers=headers, params=params)
        if not response.is_success:
            raise HttpError(response.status_code, _message_of(response), response.text)
        return response


def _path(asked: _Asked, verb: str) -> str:
    scope = () if asked.scope is None else ("restate", "scope", asked.scope, verb)
    key = () if asked.key is None else (asked.key,)
    end = (verb,) if asked.scope is None and verb == "send" else ()
    segments = (*scope, asked.service, *key, asked.handler, *end)
    return "".join(f"/{quote(segment, safe='')}" for segment in segments)


class _ErrorBody(msgspec.Struct):
    message: str


def _message_of(response: httpx.Response) -> str:
    try:
        return msgspec.json.decode(response.content, type=_ErrorBody).message
    except (msgspec.DecodeError, UnicodeDecodeError):
        return response.reason_phrase


@asynccontextmanager
async def create_client(
    ingress: str | None = None,
    headers: dict[str, str] | None = None,
    journal_value_codec: JournalValueCodec | None = None,
) -> AsyncGenerator[RestateClient, None]:
    """A client of the ingress at this URL (default: this machine's, port 8080), with these headers on every request.

    `journal_value_codec` must be that of the applications that are called. Raises `ImportError` without httpx.
    """
    try:
        import httpx
    except ImportError:
        raise ImportError("odradek.create_client needs httpx: pip install httpx") from None
    timeout = httpx.Timeout(None, connect=CONNECT_SECONDS)  # a handler may take as long as it likes
    async with httpx.AsyncClient(base_url=ingress or DEFAULT_INGRESS, headers=headers, timeout=timeout) as http:
        yield IngressClient(http, journal_value_codec)
