"""The hook between serdes and everything that is stored: to encrypt or compress what handlers put into the journal."""

from __future__ import annotations

import abc
from collections.abc import Awaitable, Callable
from typing import TypeAlias


class JournalValueCodec(abc.ABC):
    """Turns serialized values into what is stored, and back: `await decode(encode(x)) == x`, also after a restart.

    It sees inputs and results of handlers, results of run blocks, state, arguments and results of calls, and values of
    awakeables, promises and signals; never failures. All endpoints that talk to each other, and their clients, need
    the same codec. What `decode` raises fails the attempt.
    """

    @abc.abstractmethod
    def encode(self, buf: bytes) -> bytes:
        """What to store for a serialized value; that may be empty."""

    @abc.abstractmethod
    async def decode(self, buf: bytes) -> bytes:
        """The serialized value of what was stored."""


JournalValueCodecProvider: TypeAlias = Callable[[], Awaitable[JournalValueCodec]]
"""Makes a codec, once for an application: where a key must be fetched first."""
