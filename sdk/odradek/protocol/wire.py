"""Protobuf's wire form: variable-length integers, keys, and how to step over what is not known.

Every read stays within the bounds it was given; what cannot be read raises `MalformedMessage`.
"""

from __future__ import annotations

from typing import Final

VARINT: Final = 0
FIXED64: Final = 1
LENGTH: Final = 2
FIXED32: Final = 5

_UINT64_LIMIT: Final = 1 << 64
_VARINT_BYTES_MAX: Final = 10


class MalformedMessage(ValueError):
    """Bytes that are no message of the protocol."""


def key_of(number: int, kind: int) -> int:
    """What stands in front of a field: its number and its kind of value."""
    return number << 3 | kind


def varint(value: int) -> bytes:
    """A non-negative integer as it is written."""
    out = bytearray()
    put_varint(out, value)
    return bytes(out)


def put_varint(out: bytearray, value: int) -> None:
    """Appends a non-negative integer."""
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


def take_varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    """An integer of at most 64 bits, and where it ends."""
    value = shift = 0
    limit = min(end, at + _VARINT_BYTES_MAX)
    while at < limit:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value >= _UINT64_LIMIT:
                break
            return value, at
        shift += 7
    raise MalformedMessage("an integer has no end or is too large")


def take_length(data: bytes, at: int, end: int) -> tuple[int, int]:
    """Where the content of a field of the kind `LENGTH` begins and ends."""
    if at < end and data[at] < 0x80:
        length = data[at]
        at += 1
    else:
        length, at = take_varint(data, at, end)
    if at + length > end:
        raise MalformedMessage("a field is longer than its message")
    return at, at + length


def skip(data: bytes, at: int, end: int, key: int) -> int:
    """Where the value of an unknown field ends."""
    if key >> 3 == 0:
        raise MalformedMessage("a field has the number 0")
    match key & 7:
        case 0:
            return take_varint(data, at, end)[1]
        case 1:
            at += 8
        case 2:
            return take_length(data, at, end)[1]
        case 5:
            at += 4
        case kind:
            raise MalformedMessage(f"a field is of kind {kind}, which no message uses")
    if at > end:
        raise MalformedMessage("a field is longer than its message")
    return at
