"""Frames: how messages follow each other in a stream. Eight bytes of header, then the body.

The header is the message type (16 bits), flags (16 bits) and the body's length (32 bits), big-endian.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

HEADER: Final = struct.Struct(">HHI")
REQUIRES_ACK: Final = 0x8000
"""Flag: the sender waits for an acknowledgement of this very message."""
BODY_BYTES_MAX: Final = 33 * 1024 * 1024
"""The largest body that is taken where nothing else is said: a payload of 32 MiB, and room for what surrounds it."""


class FrameTooLarge(ValueError):
    """A frame announces a body beyond the limit. Raised before any of it is kept."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"a message of {size} bytes is larger than the limit of {limit} bytes")
        self.size = size
        self.limit = limit


class Frame(NamedTuple):
    """One message in its wire form."""

    type: int
    flags: int
    body: bytes

    @property
    def requires_ack(self) -> bool:
        """Whether its sender waits for an acknowledgement of it."""
        return self.flags & REQUIRES_ACK != 0


class FrameReader:
    """Finds the frames in a stream that comes in pieces. Keeps at most one unfinished frame."""

    __slots__ = ("_limit", "_needed", "_rest")

    def __init__(self, body_bytes_max: int = BODY_BYTES_MAX) -> None:
        self._limit = body_bytes_max
        self._rest = bytearray()
        self._needed = HEADER.size

    @property
    def unfinished_bytes(self) -> int:
        """Bytes of a frame whose end has not come yet."""
        return len(self._rest)

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are complete with this piece. Raises `FrameTooLarge`; then the stream is lost."""
        rest = self._rest
        if not rest:
            frames, at = self._split(data)
            if at < len(data):
                rest += data[at:]
            return frames
        rest += data
        if len(rest) < self._needed:
            return []
        whole = bytes(rest)
        frames, at = self._split(whole)
        del rest[:at]
        return frames

    def _split(self, data: bytes) -> tuple[list[Frame], int]:
        frames = []
        at, end = 0, len(data)
        self._needed = HEADER.size
        while end - at >= HEADER.size:
            kind, flags, length = HEADER.unpack_from(data, at)
            if length > self._limit:
                raise FrameTooLarge(length, self._limit)
            stop = at + HEADER.size + length
            if stop > end:
                self._needed = stop - at
                break
            frames.append(Frame(kind, flags, data[at + HEADER.size : stop]))
            at = stop
        return frames, at
