"""Keys of the tables, as bytes that sort the way the tables are read."""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Final

from odradek_engine.model.rows import Timer

_U16: Final = struct.Struct(">H")
_U32: Final = struct.Struct(">I")
_U64: Final = struct.Struct(">Q")
_REMEMBERED_LENGTH: Final = 256
_TIMER: Final = struct.Struct(">QB24sI")


def object_key(service: str, key: str) -> bytes:
    """An object or a workflow; none's key is a prefix of another's."""
    return _remembered_object_key(service, key) if len(key) <= _REMEMBERED_LENGTH else _object_key(service, key)


def _object_key(service: str, key: str) -> bytes:
    service_bytes = service.encode()
    key_bytes = key.encode()
    return b"".join((_U16.pack(len(service_bytes)), service_bytes, _U32.pack(len(key_bytes)), key_bytes))


_remembered_object_key: Final = lru_cache(maxsize=4_096)(_object_key)
"""One command asks for its object's key several times."""


def promise_key(service: str, key: str, name: str) -> bytes:
    """A promise of a workflow; no promise's key is a prefix of another's."""
    name_bytes = name.encode()
    return b"".join((object_key(service, key), _U32.pack(len(name_bytes)), name_bytes))


def split_object_key(raw: bytes) -> tuple[str, str, bytes]:
    """Service, key and what follows them."""
    (service_length,) = _U16.unpack_from(raw, 0)
    key_at = 2 + service_length
    (key_length,) = _U32.unpack_from(raw, key_at)
    end = key_at + 4 + key_length
    return raw[2:key_at].decode(), raw[key_at + 4 : end].decode(), raw[end:]


def u32(number: int) -> bytes:
    """Four bytes, in numeric order."""
    return _U32.pack(number)


def u64(number: int) -> bytes:
    """Eight bytes, in numeric order."""
    return _U64.pack(number)


def timer_key(timer: Timer) -> bytes:
    """Due time first."""
    return _TIMER.pack(timer.due_at, timer.kind, timer.invocation, timer.number)


def outbox_key(target: int, sequence: int) -> bytes:
    """Target first, then order of sending."""
    return _U32.pack(target) + _U64.pack(sequence)


def source_key(subscription: str, topic_id: str, partition: int | None = None) -> bytes:
    """A source partition of a subscription; without one, what the keys of all of them begin with."""
    return f"{subscription}\0{topic_id}\0{'' if partition is None else partition}".encode()
