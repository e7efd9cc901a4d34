"""Journal records as bytes.

A record is a MessagePack array `[format, announcement, epoch, index, time, inbox offset, [part, ...]]`; a part holds
the events of one command. A part is an array of events or, where large payloads occur in it more than once,
extension 1 around `[[payload, ...], [event, ...]]`, in whose events extension 2 stands for a payload by its number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from odradek_engine.model.events import AnyEvent

FORMAT: Final = 1
"""The highest record format that this engine reads and writes."""
SHARE_FROM_BYTES: Final = 16 * 1024
"""Payloads from this size on are written once per command however often its events hold them."""

_SHARED_PART: Final = 1
_SHARED_PAYLOAD: Final = 2


class JournalRecord(msgspec.Struct, frozen=True, array_like=True):
    """A record of a partition's journal: the `index`-th that the leader of `epoch` wrote since it announced itself."""

    format: int
    announcement: bytes
    epoch: int
    index: int
    time_ms: int
    inbox_offset: int
    parts: tuple[msgspec.Raw, ...]

    def events(self) -> list[AnyEvent]:
        """All events in order; raises `MalformedRecord`."""
        return [event for part in self.parts for event in decode_part(part)]


class _Envelope(msgspec.Struct, frozen=True, array_like=True):
    format: int


class MalformedRecord(Exception):
    """The bytes are no journal record."""


class UnknownFormat(Exception):
    """The record was written by a newer release, which this one must not follow."""


_encoder: Final = msgspec.msgpack.Encoder()
_events: Final = msgspec.msgpack.Decoder(list[AnyEvent])
_record: Final = msgspec.msgpack.Decoder(JournalRecord)
_part: Final = msgspec.msgpack.Decoder(msgspec.msgpack.Ext)
_shared: Final = msgspec.msgpack.Decoder(tuple[list[bytes], list[Any]])
_NOT_DECODABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, LookupError)
_envelope: Final = msgspec.msgpack.Decoder(_Envelope)


def encode_record(record: JournalRecord) -> bytes:
    """The bytes of a record."""
    return _encoder.encode(record)


def decode_record(raw: bytes) -> JournalRecord:
    """The record of some bytes, its events still undecoded; raises `UnknownFormat`, `MalformedRecord`."""
    try:
        found = _envelope.decode(raw).format
        if found <= FORMAT:
            return _record.decode(raw)
    except _NOT_DECODABLE as error:
        raise MalformedRecord(str(error)) from None
    raise UnknownFormat(f"a journal record has format {found}, this release knows {FORMAT}: upgrade this node")


def encode_part(events: Sequence[AnyEvent]) -> bytes:
    """The events of one command."""
    encoded = _encoder.encode(events)
    if len(encoded) < 2 * SHARE_FROM_BYTES:
        return encoded
    payloads: list[bytes] = []
    shared = _share(msgspec.to_builtins(events, builtin_types=(bytes,)), _repeated(events), payloads)
    if not payloads:
        return encoded
    return _encoder.encode(msgspec.msgpack.Ext(_SHARED_PART, _encoder.encode([payloads, shared])))


def decode_part(raw: msgspec.Raw | bytes) -> list[AnyEvent]:
    """The events of a part; raises `MalformedRecord`."""
    first = bytes(memoryview(raw)[:1])[0]
    try:
        if first & 0xF0 == 0x90 or first in (0xDC, 0xDD):
            return _events.decode(raw)
        payloads, shared = _shared.decode(_part.decode(raw).data)
        return msgspec.convert(_unshare(shared, payloads), list[AnyEvent])
    except _NOT_DECODABLE as error:
        raise MalformedRecord(str(error)) from None


def _repeated(events: Sequence[AnyEvent]) -> set[bytes]:
    """Large payloads that occur more than once."""
    counts: dict[bytes, int] = {}
    _count(msgspec.to_builtins(events, builtin_types=(bytes,)), counts)
    return {payload for payload, count in counts.items() if count > 1}


def _count(value: Any, counts: dict[bytes, int]) -> None:
    if isinstance(value, bytes):
        if len(value) >= SHARE_FROM_BYTES:
            counts[value] = counts.get(value, 0) + 1
    elif isinstance(value, list | tuple):
        for item in value:
            _count(item, counts)
    elif isinstance(value, dict):
        for item in value.values():
            _count(item, counts)


def _share(value: Any, repeated: set[bytes], payloads: list[bytes]) -> Any:
    if isinstance(value, bytes):
        if value not in repeated:
            return value
        if value not in payloads:
            payloads.append(value)
        return msgspec.msgpack.Ext(_SHARED_PAYLOAD, payloads.index(value).to_bytes(4, "big"))
    if isinstance(value, list | tuple):
        return [_share(item, repeated, payloads) for item in value]
    if isinstance(value, dict):
        return {key: _share(item, repeated, payloads) for key, item in value.items()}
    return value


def _unshare(value: Any, payloads: list[bytes]) -> Any:
    if isinstance(value, msgspec.msgpack.Ext):
        return payloads[int.from_bytes(value.data, "big")]
    if isinstance(value, list):
        return [_unshare(item, payloads) for item in value]
    if isinstance(value, dict):
        return {key: _unshare(item, payloads) for key, item in value.items()}
    return value
