"""A deployment whose manifest and handlers a test can change while it serves, over real sockets."""

from __future__ import annotations

import json
import secrets
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from endpoint_thread import endpoint_thread
from fake_endpoint import FakeEndpoint, Handler

from odradek.protocol import messages as m

MANIFEST_TYPE = "application/vnd.restate.endpointmanifest.v4+json"


def service(name: str, *handlers: str | dict[str, Any], ty: str = "SERVICE", **options: Any) -> dict[str, Any]:
    made = [{"name": each} if isinstance(each, str) else each for each in handlers]
    return {"name": name, "ty": ty, "handlers": made, **options}


def manifest(
    *services: dict[str, Any], mode: str = "BIDI_STREAM", least: int = 5, most: int = 7, **others: Any
) -> dict[str, Any]:
    versions = {"minProtocolVersion": least, "maxProtocolVersion": most}
    return {"protocolMode": mode, **versions, "services": list(services), **others}


async def answer_with_input(exchange: Any) -> None:
    """A handler that gives back what it got."""
    handler = Handler(exchange)
    _, given, *_ = await handler.begin()
    await handler.say(m.OutputCommand(given.value), m.End())
    await exchange.end()


class ScriptedDeployment:
    """`discovered` and `invoked`: the headers of the requests, with their path as `:path`."""

    def __init__(self, *services: dict[str, Any], **options: Any) -> None:
        self.manifest: Any = manifest(*services, **options)
        self.manifest_type = MANIFEST_TYPE
        self.status = 200
        self.handle: Callable[[Any], Awaitable[None]] = answer_with_input
        self.discovered: list[dict[str, str]] = []
        self.invoked: list[dict[str, str]] = []

    async def __call__(self, exchange: Any) -> None:
        headers = {**exchange.headers, ":path": exchange.path}
        if not exchange.path.endswith("/discover"):
            self.invoked.append(headers)
            await self.handle(exchange)
            return
        self.discovered.append(headers)
        body = self.manifest if isinstance(self.manifest, bytes) else json.dumps(self.manifest).encode()
        await exchange.respond(self.status, {"content-type": self.manifest_type, "x-restate-server": "scripted/1"})
        await exchange.write(body)
        await exchange.end()

    @contextmanager
    def serving(self, *, http1: bool = False) -> Iterator[str]:
        """Its address, which no other deployment ever had."""
        with endpoint_thread(FakeEndpoint(self, http1=http1)) as url:
            yield f"{url}/{secrets.token_hex(8)}"
