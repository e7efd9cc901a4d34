"""One attempt over one request: frames in, the handler driven, frames out.

    opening (Start, known entries) --> both directions --> End, Suspension or Error, and the stream ends
                                             |
                                             +--> the engine closes its side: the handler may end or suspend

What the engine says against the protocol ends the attempt with an error; a stream that breaks ends it without a word,
and stops its handler.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final

from odradek.driver.attempt import Attempt
from odradek.driver.endpoint import InProcessEndpoint
from odradek.handler import Handler
from odradek.protocol.codec import CODECS
from odradek.protocol.messages import Error
from odradek.remote.asgi import Disconnected, Receive, Send, send_body
from odradek.remote.incoming import Incoming, Violation
from odradek.remote.outgoing import INTERNAL_ERROR, Outgoing

_log = logging.getLogger(__name__)

PROTOCOL_VIOLATION: Final = 571
ENGINE_CLOSES_WITHIN_SECONDS: Final = 10.0


class Conversation:
    """`version`: of the protocol; `whole`: the engine says all that it has before it reads (request and response)."""

    def __init__(
        self, endpoint: InProcessEndpoint, handler: Handler[Any, Any], receive: Receive, version: int, *, whole: bool
    ) -> None:
        self._endpoint = endpoint
        self._handler = handler
        self._whole = whole
        self._attempt: Attempt | None = None
        self._heard_all = asyncio.Event()
        self._incoming = Incoming(receive, version)
        self._outgoing = Outgoing(CODECS[version])

    async def hold(self, send: Send, headers: Mapping[str, str]) -> None:
        """Until the attempt is over. The response's status and headers are sent. Raises `Disconnected`."""
        listening = asyncio.get_running_loop().create_task(self._listen(headers))
        try:
            await self._outgoing.transmit(send)
            await self._engine_is_done()
            await send_body(send, b"", more=False)
        finally:
            listening.cancel()
            self._outgoing.lose()

    async def _engine_is_done(self) -> None:
        """Until the engine has closed its side, as it does after the last message, or gave no sign of it for long.

        Some servers break the connection, with all its other streams, where a response ends before its request.
        """
        try:
            async with asyncio.timeout(ENGINE_CLOSES_WITHIN_SECONDS):
                await self._heard_all.wait()
        except TimeoutError:
            _log.debug("an engine did not close its side after the end of an attempt")

    def suspend(self) -> None:
        """The handler suspends as soon as it can only wait, though the engine would let it wait here."""
        if self._attempt is not None:
            self._attempt.close_input()

    async def _listen(self, headers: Mapping[str, str]) -> None:
        try:
            attempt = await self._open(headers)
            while not self._incoming.ended:
                attempt.deliver(await self._incoming.following())
            attempt.close_input()
            self._heard_all.set()
            await self._incoming.disconnection()
        except Violation as error:
            self._outgoing.fail(Error(PROTOCOL_VIOLATION, f"the engine broke the protocol: {error}"))
        except Disconnected:
            self._outgoing.lose()
        except Exception as error:
            _log.exception("an attempt of %s cannot go on", self._handler.target)
            self._outgoing.fail(Error(INTERNAL_ERROR, f"the attempt cannot go on: {error!r}"))
        finally:
            self._heard_all.set()

    async def _open(self, headers: Mapping[str, str]) -> Attempt:
        start, journal = await self._incoming.opening(whole=self._whole)
        try:
            attempt = self._endpoint.open(self._handler, start, journal, self._outgoing, headers)
        except ValueError as error:
            raise Violation(str(error)) from error
        self._outgoing.speaker = self._attempt = attempt
        return attempt
