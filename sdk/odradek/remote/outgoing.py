"""What a handler has said and the engine has not taken yet.

Invariant: frames leave in the order in which the handler made them, and the attempt's last message is the last.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final, Protocol

from odradek.protocol.codec import TREES, Codec
from odradek.protocol.messages import AwaitingOn, End, Error, HandlerMessage, Suspension
from odradek.remote.asgi import Disconnected, Send, send_body

_log = logging.getLogger(__name__)

UNSENT_BYTES_HELD: Final = 1024 * 1024
"""A handler that is so much ahead of the engine is held at its next await until the engine has taken all of it."""
MAX_BACKLOG_BYTES: Final = 256 * 1024 * 1024
"""A handler that never awaits cannot be held: beyond this the attempt fails."""
ACCEPT_WITHIN_SECONDS: Final = 0.1
"""Servers keep a response's status back until its body begins: after so much silence it begins with nothing."""
INTERNAL_ERROR: Final = 500

_LAST: Final = (End, Suspension, Error)


class Speaker(Protocol):
    """The attempt whose messages these are."""

    def pause(self) -> None:
        """Holds the handler at its next await."""

    def resume(self) -> None:
        """Lets it go on."""

    def abort(self) -> None:
        """Ends it; it says nothing more."""


class Outgoing:
    """Implements `odradek.protocol.attempt.EngineSide` for one stream."""

    def __init__(self, codec: Codec) -> None:
        self.speaker: Speaker | None = None
        self._encode = codec.encode
        self._tells_waits = codec.version >= TREES
        self._frames: list[bytes] = []
        self._unsent_bytes = 0
        self._closed = False
        self._sent = False
        self._lost = False
        self._reader: asyncio.Future[None] | None = None

    def send(self, messages: Sequence[HandlerMessage]) -> None:
        """Takes all messages of one synchronous stretch of the handler. Never blocks."""
        if self._closed:
            return
        if self._unsent_bytes > MAX_BACKLOG_BYTES:
            self.fail(
                Error(INTERNAL_ERROR, f"the engine did not take {self._unsent_bytes} bytes of this attempt in time")
            )
            return
        try:
            frames = [
                self._encode(message) for message in messages if self._tells_waits or type(message) is not AwaitingOn
            ]
        except ValueError as error:
            _log.exception("a message of a handler cannot be sent")
            self.fail(Error(INTERNAL_ERROR, f"a message of the handler cannot be sent: {error}"))
            return
        self._put(frames, last=isinstance(messages[-1], _LAST))
        if self._unsent_bytes > UNSENT_BYTES_HELD and self.speaker is not None:
            self.speaker.pause()

    def fail(self, error: Error) -> None:
        """Ends the attempt with an error of this side instead of whatever its handler does."""
        if not self._closed:
            self._put([self._encode(error)], last=True)
            if self.speaker is not None:
                self.speaker.abort()

    def lose(self) -> None:
        """The engine is gone: the attempt is void, unless it is over."""
        if self._closed:
            return
        self._closed = self._lost = True
        self._wake()
        if self.speaker is not None:
            self.speaker.abort()

    def _put(self, frames: list[bytes], *, last: bool = False) -> None:
        self._frames += frames
        self._unsent_bytes += sum(map(len, frames))
        self._closed = self._closed or last
        self._wake()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def transmit(self, send: Send) -> None:
        """Sends until the last message is out; the response goes on. Raises `Disconnected`."""
        accepting = asyncio.get_running_loop().call_later(ACCEPT_WITHIN_SECONDS, self._put, [b""])
        try:
            while not self._sent:
                while not self._frames and not self._closed:
                    self._reader = asyncio.get_running_loop().create_future()
                    await self._reader
                accepting.cancel()
                await self._send_waiting(send)
        finally:
            accepting.cancel()

    async def _send_waiting(self, send: Send) -> None:
        if self._lost:
            raise Disconnected
        body, last = b"".join(self._frames), self._closed
        self._frames = []
        self._unsent_bytes = 0
        await send_body(send, body, more=True)
        self._sent = last
        if not self._frames and self.speaker is not None:
            self.speaker.resume()
