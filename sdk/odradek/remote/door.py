"""The application's door for engines in other processes: an ASGI application with the protocol's few routes."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

import msgspec

from odradek.discovery import SOFTWARE
from odradek.driver.endpoint import InProcessEndpoint
from odradek.protocol.codec import content_type
from odradek.remote.asgi import Disconnected, Receive, Scope, Send, begin_response, headers_of, send_body
from odradek.remote.aws_lambda import ZSTD, find_zstd, is_on_lambda
from odradek.remote.conversation import Conversation
from odradek.remote.environment import SystemEnvironment
from odradek.remote.identity import IdentityKeys, Unidentified
from odradek.remote.negotiation import (
    choose_manifest_version,
    manifest_type,
    protocol_version,
    render_manifest,
)
from odradek.remote.routes import Discover, Health, Invoke, find_route

if TYPE_CHECKING:
    from odradek.endpoint import Application

_log = logging.getLogger(__name__)

OK: Final = 200
UNAUTHORIZED: Final = 401
NOT_FOUND: Final = 404
UNSUPPORTED_MEDIA_TYPE: Final = 415

DUPLEX: Final = "BIDI_STREAM"
REQUEST_RESPONSE: Final = "REQUEST_RESPONSE"


class Door:
    """Serves one application. Raises `ValueError` and `RuntimeError` for its identity keys like `IdentityKeys`."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._keys = IdentityKeys(application.identity_keys) if application.identity_keys else None
        self._environment = SystemEnvironment()
        codec = application.journal_value_codec
        self._endpoint = InProcessEndpoint(application.services, self._environment, codec)
        self._live: set[Conversation] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or one lifespan."""
        if scope["type"] == "lifespan":
            await self._live_and_stop(receive, send)
        elif scope["type"] == "http":
            try:
                await self._answer(scope, receive, send)
            except Disconnected:
                _log.debug("the engine left before the end of a request to %s", scope["path"])
        else:
            raise ValueError(f"an endpoint of handlers does not speak {scope['type']}")

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = find_route(scope["method"], scope["path"])
        if route is None:
            await _refuse(send, NOT_FOUND, f"there is nothing at {scope['method']} {scope['path']}")
            return
        if isinstance(route, Health):
            await _respond(send, OK, "application/json", b'{"status":"ok"}')
            return
        headers = headers_of(scope)
        if self._keys is not None:
            try:
                self._keys.check(headers, route.signed_path, time.time())
            except Unidentified as error:
                _log.warning("refused a request to %s: %s", scope["path"], error)
                await _respond(send, UNAUTHORIZED)
                return
        duplex = self._is_duplex(scope["http_version"])
        if isinstance(route, Discover):
            await self._discover(send, headers.get("accept"), duplex=duplex)
        else:
            await self._invoke(route, headers, receive, send, duplex=duplex)

    def _is_duplex(self, http_version: str) -> bool:
        """Whether both sides speak at once: as the application says, else wherever the transport can."""
        protocol = self._application.protocol
        return not http_version.startswith("1") if protocol is None else protocol == "bidi"

    async def _discover(self, send: Send, accept: str | None, *, duplex: bool) -> None:
        version = choose_manifest_version(accept)
        if version is None:
            await _refuse(send, UNSUPPORTED_MEDIA_TYPE, f"no version of the manifest is known here among {accept!r}")
            return
        mode = DUPLEX if duplex and self._application.protocol != "request_response" else REQUEST_RESPONSE
        compression = ZSTD if is_on_lambda() and find_zstd() is not None else None
        manifest = msgspec.structs.replace(self._application.manifest(), protocol_mode=mode)
        await _respond(send, OK, manifest_type(version), render_manifest(manifest, version, compression))

    async def _invoke(
        self, route: Invoke, headers: dict[str, str], receive: Receive, send: Send, *, duplex: bool
    ) -> None:
        version = protocol_version(headers.get("content-type"))
        if version is None:
            found = headers.get("content-type")
            await _refuse(send, UNSUPPORTED_MEDIA_TYPE, f"{found!r} is no version of the protocol known here")
            return
        handler = self._endpoint.find(route.service, route.handler)
        if handler is None:
            await _refuse(send, NOT_FOUND, f"this application has no handler {route.service}/{route.handler}")
            return
        await begin_response(send, OK, _headers(content_type(version)))
        conversation = Conversation(self._endpoint, handler, receive, version, whole=not duplex)
        self._live.add(conversation)
        try:
            await conversation.hold(send, headers)
        finally:
            self._live.discard(conversation)

    def suspend_all(self) -> None:
        """This side is about to stop: every handler suspends as soon as it can only wait."""
        for conversation in list(self._live):
            conversation.suspend()

    async def _live_and_stop(self, receive: Receive, send: Send) -> None:
        """A server starts, and stops."""
        while True:
            event = await receive()
            await send({"type": f"{event['type']}.complete"})
            if event["type"] == "lifespan.shutdown":
                self._environment.close()
                return


def _headers(media_type: str | None) -> list[tuple[bytes, bytes]]:
    headers = [(b"x-restate-server", SOFTWARE.encode())]
    if media_type is not None:
        headers.append((b"content-type", media_type.encode()))
    return headers


async def _refuse(send: Send, status: int, reason: str) -> None:
    await _respond(send, status, "text/plain; charset=utf-8", reason.encode(errors="replace"))


async def _respond(send: Send, status: int, media_type: str | None = None, body: bytes = b"") -> None:
    headers = [*_headers(media_type), (b"content-length", str(len(body)).encode())]
    await begin_response(send, status, headers)
    await send_body(send, body, more=False)
