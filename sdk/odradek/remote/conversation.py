"""One attempt over one request: frames in, the handler driven, frames out.

    opening (Start, known entries) --> both directions --> End, Suspension or Error, and the stream ends
                                             |
                                             +--> the engine closes its side: the handler may end or suspend

Invariant: whatever ends the conversation, its handler does not outlive it. What the engine says against the protocol
ends the attempt with an error; a stream that breaks ends it without a word.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from odradek.driver.attempt import Attempt
from odradek.driver.endpoint import InProcessEndpoint
from odradek.handler import Handler
from odradek.protocol.codec import encode
from odradek.protocol.messages import Error
from odradek.remote.asgi import Disconnected, Receive, Send
from odradek.remote.incoming import Incoming, Violation
from odradek.remote.outgoing import Outgoing

PROTOCOL_VIOLATION: Final = 571


class Conversation:
    """`version`: of the protocol; `whole`: the engine says all that it has before it reads (request and response)."""

    def __init__(
        self, endpoint: InProcessEndpoint, handler: Handler[Any, Any], receive: Receive, version: int, *, whole: bool
    ) -> None:
        self._endpoint = endpoint
        self._handler = handler
        self._whole = whole
        self._incoming = Incoming(receive)
        self._outgoing = Outgoing(partial(encode, version=version))

    async def hold(self, send: Send, headers: Mapping[str, str]) -> None:
        """Until the attempt is over. The response's status and headers are sent. Raises `Disconnected`."""
        try:
            async with asyncio.TaskGroup() as tasks:
                listening = tasks.create_task(self._listen(headers))
                await self._outgoing.transmit(send)
                listening.cancel()
        except* Disconnected as lost:
            raise Disconnected from lost
        finally:
            self._outgoing.lose()

    async def _listen(self, headers: Mapping[str, str]) -> None:
        try:
            attempt = await self._open(headers)
            while not self._incoming.ended:
                attempt.deliver(await self._incoming.following())
            attempt.close_input()
            await self._incoming.disconnection()
        except (Violation, ValueError) as error:
            self._outgoing.fail(Error(PROTOCOL_VIOLATION, f"the engine broke the protocol: {error}"))
        except Disconnected:
            self._outgoing.lose()

    async def _open(self, headers: Mapping[str, str]) -> Attempt:
        start, journal = await self._incoming.opening(whole=self._whole)
        attempt = self._endpoint.open(self._handler, start, journal, self._outgoing, headers)
        self._outgoing.speaker = attempt
        return attempt
