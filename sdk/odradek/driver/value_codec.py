"""The application's journal value codec at work: made once, applied to what goes into the journal and comes out."""

from __future__ import annotations

from typing import Any

import msgspec

from odradek.entry_codec import JournalValueCodec, JournalValueCodecProvider


class CodecSource:
    """Where the attempts of an application get their codec."""

    def __init__(self, given: JournalValueCodec | JournalValueCodecProvider) -> None:
        self._provider = None if isinstance(given, JournalValueCodec) else given
        self._codec = given if isinstance(given, JournalValueCodec) else None

    async def get(self) -> JournalValueCodec:
        """The codec; what its provider raises fails the attempt, and the next one asks it again."""
        if self._codec is None:
            assert self._provider is not None
            made = await self._provider()
            self._codec = self._codec or made  # attempts that began together have one codec
        return self._codec


async def decoded(codec: JournalValueCodec, notification: Any) -> Any:
    """A notification with its value as the handler's serde knows it."""
    value: bytes | None = getattr(notification, "value", None)
    if value is None:
        return notification
    return msgspec.structs.replace(notification, value=await codec.decode(value))
