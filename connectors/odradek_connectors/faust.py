"""Lets a Faust application hand its events to durable handlers, each event once.

An event goes to the ingress over HTTP under an idempotency key made of the application's id and the event's topic,
partition and offset. What Faust delivers again after a crash meets the invocation that is there already, as long as
that is retained (a day, unless the handler says otherwise). Needs `odradek[faust]`; nothing of the engine is loaded.

    payments = app.topic("payments", value_serializer="raw")
    account_add = Handler(app, "Account", "add", keyed=True)
    account_add.forward(payments)
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any, Final
from urllib.parse import quote

import aiohttp
import faust
import msgspec
from faust.serializers import codecs
from faust.types import ChannelT, EventT, StreamT
from yarl import URL

from odradek_connectors.backoff import Backoff

_log = logging.getLogger(__name__)

REQUEST_SECONDS: Final = 30.0
_PASSING: Final = frozenset((408, 425, 429, 500, 502, 503, 504))
"""What a node that starts, stops or is busy may answer; the same request is sent again."""
_ACCEPTED: Final = 202


class HandlerRefused(Exception):
    """The node will never take this event for the handler. `status`: of the HTTP answer, 0 where it was not asked."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Accepted(msgspec.Struct, rename="camel"):
    invocation_id: str


class Handler:
    """A handler of a running node, as a Faust application reaches it. `keyed`: it belongs to a virtual object."""

    def __init__(
        self, app: faust.App, service: str, handler: str, *, keyed: bool, ingress: str = "http://127.0.0.1:8080"
    ) -> None:
        self._app = app
        self._service = service
        self._handler = handler
        self._keyed = keyed
        self._ingress = ingress.rstrip("/")

    async def send(
        self,
        event: EventT[Any],
        value: Any = None,
        *,
        key: str | None = None,
        part: str = "",
        content_type: str = "application/json",
    ) -> str:
        """Has the handler run for an event; returns the invocation's id once that is durable.

        `value`: the handler's input, bytes as they are, anything else as JSON; None for the event's own bytes. `key`:
        the object's, None for the event's own. `part` tells several sends for one event to one handler apart.
        Tries until the node answers; raises `HandlerRefused` where it says no.
        """
        message = event.message
        path = [self._service, self._handler, "send"]
        if self._keyed:
            path.insert(1, quote(_text(message.key) if key is None else key, safe=""))
        position = f"{message.topic}/{message.partition}/{message.offset}"
        headers = {
            "idempotency-key": f"faust/{self._app.conf.id}/{position}" + (f"/{part}" if part else ""),
            "content-type": content_type,
        }
        body = message.value if value is None else value if isinstance(value, bytes) else codecs.dumps("json", value)
        return await self._post("/".join([self._ingress, *path]), headers, body or b"", position)

    def forward(self, source: ChannelT[Any], refused: ChannelT[Any] | None = None) -> None:
        """Sends every event of a channel, in order within a partition, by an agent of the application's.

        An event that the node refuses goes to the channel `refused`, key and bytes as they are; without one its
        partition waits and tries again.
        """

        async def forward_events(stream: StreamT[Any]) -> AsyncIterator[str]:
            async for event in stream.events():
                yield await self._send_or_set_aside(event, refused)

        name = f"odradek.forward.{self._service}.{self._handler}"
        self._app.agent(source, name=name)(forward_events)

    async def _send_or_set_aside(self, event: EventT[Any], refused: ChannelT[Any] | None) -> str:
        backoff = Backoff()
        while True:
            try:
                return await self.send(event)
            except HandlerRefused as error:
                _log.error("%s/%s: %s", self._service, self._handler, error)
                if refused is not None:
                    await (await refused.send(key=event.message.key, value=event.message.value))
                    return ""
            await asyncio.sleep(backoff.next())

    async def _post(self, url: str, headers: dict[str, str], body: bytes, position: str) -> str:
        backoff = Backoff()
        while True:
            try:
                status, answer = await self._post_once(url, headers, body)
            except (aiohttp.ClientError, TimeoutError) as error:
                _log.warning("event %s: %s does not answer: %r; trying again", position, url, error)
            else:
                if status == _ACCEPTED:
                    return msgspec.json.decode(answer, type=_Accepted).invocation_id
                text = answer.decode("utf-8", "replace")
                if status not in _PASSING:
                    raise HandlerRefused(status, f"event {position} was refused with {status}: {text}")
                _log.warning("event %s: %s answers %d %s; trying again", position, url, status, text)
            await asyncio.sleep(backoff.next())

    async def _post_once(self, url: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        session: aiohttp.ClientSession = self._app.http_client
        timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
        async with session.post(URL(url, encoded=True), data=body, headers=headers, timeout=timeout) as response:
            return response.status, await response.read()


def _text(key: bytes | None) -> str:
    try:
        return (key or b"").decode()
    except UnicodeDecodeError:
        raise HandlerRefused(0, f"the key {key!r} is not UTF-8, as an object's key must be") from None
