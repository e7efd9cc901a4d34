"""What the engine says: frames out of the request's body, in the order that the protocol asks for.

First `Start`, then exactly the known entries, then notifications and acknowledgements until the engine closes its side.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final, NamedTuple, Never, get_args

import msgspec

from odradek.protocol.codec import CODECS
from odradek.protocol.framing import FrameReader
from odradek.protocol.messages import EngineMessage, Entry, Notification, ProposeRunCompletionAck, Start
from odradek.remote.asgi import Receive, receive_body

MAX_OPENING_BYTES: Final = 1024 * 1024 * 1024
"""The journal and the state that an attempt begins with. They are kept in memory as long as it lasts."""

RANDOM_SEEDS: Final = 6
"""From this version on the engine gives a seed; before, it is made of the invocation's id."""

_ENTRIES: Final = get_args(Entry)
_LATER: Final = (*get_args(Notification), ProposeRunCompletionAck)
"""No command of this side asks to be acknowledged, so `CommandAck` is not among them."""


class Violation(Exception):
    """The engine does not keep to the protocol. The text says how."""


class Opening(NamedTuple):
    """What an attempt begins with; `journal` has `start.known_entries` entries."""

    start: Start
    journal: tuple[Entry, ...]


class Incoming:
    """The messages of one request's body."""

    def __init__(self, receive: Receive, version: int) -> None:
        self._receive = receive
        self._decode = CODECS[version].decode
        self._seeded = version >= RANDOM_SEEDS
        self._frames = FrameReader()
        self._waiting: deque[Any] = deque()
        self._more = True
        self._opened = False
        self._opening_bytes = 0

    @property
    def ended(self) -> bool:
        """The engine has closed its side, and all that it said has been taken."""
        return not self._more and not self._waiting

    async def opening(self, *, whole: bool) -> Opening:
        """Start and the known entries; `whole`: not before the engine has closed its side.

        Raises `Violation` and `Disconnected`.
        """
        start = await self._next("the start message")
        if not isinstance(start, Start):
            raise Violation(f"the stream begins with {type(start).__name__} instead of Start")
        journal = []
        for number in range(start.known_entries):
            entry = await self._next(f"entry {number} of {start.known_entries}")
            if not isinstance(entry, _ENTRIES):
                raise Violation(f"{type(entry).__name__} stands in the place of entry {number}")
            journal.append(entry)
        while whole and self._more:
            await self._read()
        self._opened = True
        if not self._seeded:
            start = msgspec.structs.replace(start, random_seed=int.from_bytes(start.id[-8:], "big"))
        return Opening(start, tuple(journal))

    async def _next(self, awaited: str) -> Any:
        while not self._waiting:
            if not self._more:
                raise Violation(f"the stream ends before {awaited}")
            await self._read()
        return self._waiting.popleft()

    async def following(self) -> list[EngineMessage]:
        """What has come since; empty if that is nothing yet. Raises `Violation` and `Disconnected`."""
        if not self._waiting and self._more:
            await self._read()
        messages = list(self._waiting)
        self._waiting.clear()
        for message in messages:
            if not isinstance(message, _LATER):
                raise Violation(f"{type(message).__name__} comes after the known entries")
        return messages

    async def disconnection(self) -> Never:
        """Waits, behind the end, until the engine has left. Raises `Disconnected`."""
        while True:
            await receive_body(self._receive)

    async def _read(self) -> None:
        data, self._more = await receive_body(self._receive)
        if not self._opened:
            self._opening_bytes += len(data)
            if self._opening_bytes > MAX_OPENING_BYTES:
                raise Violation(f"the journal and the state are larger than {MAX_OPENING_BYTES} bytes")
        try:
            self._waiting += [self._decode(frame) for frame in self._frames.feed(data)]
        except ValueError as error:
            raise Violation(str(error)) from error
        if not self._more and self._frames.unfinished_bytes:
            raise Violation("the stream ends within a message")
