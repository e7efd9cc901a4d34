"""How the embedded log's topics, partitions and records stand in RocksDB: the layout of keys and values.

One letter opens each kind of key; numbers are big-endian, so that the records of a partition lie in offset order.
A layout that changes raises `FORMAT`; a store with a higher one is refused.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import msgspec
from rocksdict import Rdict

from odradek_engine.log.port import Cleanup, NewRecord, Record, TopicSpec

FORMAT = 1
FORMAT_KEY = b"f"
CLUSTER_ID_KEY = b"i"
TOPIC_PREFIX = b"t"

_TOPIC_KEY = struct.Struct(">cI")
_PARTITION_KEY = struct.Struct(">cII")
_RECORD_KEY = struct.Struct(">cIIQ")
_OFFSET = struct.Struct(">Q")
_LATEST = struct.Struct(">QQ")


class TopicRow(msgspec.Struct, frozen=True, array_like=True):
    """A topic; `number` stands for it in the keys of its partitions and records."""

    name: str
    id: str
    number: int
    partitions: int
    cleanup: Cleanup
    log_append_time: bool
    settings: dict[str, str] = {}

    def spec(self) -> TopicSpec:
        """What the topic was made as."""
        return TopicSpec(self.name, self.partitions, self.cleanup, self.log_append_time)


class _StoredRecord(msgspec.Struct, frozen=True, array_like=True):
    timestamp_ms: int
    value: bytes | None
    key: bytes | None
    headers: tuple[tuple[str, bytes], ...]


_encode = msgspec.msgpack.Encoder().encode
_decode_topic = msgspec.msgpack.Decoder(TopicRow).decode
_decode_record = msgspec.msgpack.Decoder(_StoredRecord).decode


def topic_key(number: int) -> bytes:
    """The key of a topic's row."""
    return _TOPIC_KEY.pack(TOPIC_PREFIX, number)


def encode_topic(row: TopicRow) -> bytes:
    """The value of a topic's row."""
    return _encode(row)


def decode_topic(value: bytes) -> TopicRow:
    """Reads a topic's row; `msgspec.DecodeError` where it is none."""
    return _decode_topic(value)


def begin_key(number: int, partition: int) -> bytes:
    """The key under which a partition's begin offset stands."""
    return _PARTITION_KEY.pack(b"b", number, partition)


def record_key(number: int, partition: int, offset: int) -> bytes:
    """The key of a record."""
    return _RECORD_KEY.pack(b"r", number, partition, offset)


def record_prefix(number: int, partition: int) -> bytes:
    """What the keys of a partition's records begin with; their offset in 8 bytes follows."""
    return _PARTITION_KEY.pack(b"r", number, partition)


def latest_prefix(number: int, partition: int) -> bytes:
    """What the keys of a compacted partition's index begin with; the records' own keys follow."""
    return _PARTITION_KEY.pack(b"k", number, partition)


def encode_offset(offset: int) -> bytes:
    """An offset as a value."""
    return _OFFSET.pack(offset)


def decode_offset(value: bytes) -> int:
    """The offset in a value, or at the end of a record's key."""
    offset: int = _OFFSET.unpack(value[-8:])[0]
    return offset


def encode_latest(offset: int, tombstone_ms: int) -> bytes:
    """Where a key's last record is, and when it was deleted (0: it has a value)."""
    return _LATEST.pack(offset, tombstone_ms)


def decode_latest(value: bytes) -> tuple[int, int]:
    """Offset and time of deletion (0: none) of a key's last record."""
    offset, tombstone_ms = _LATEST.unpack(value)
    return offset, tombstone_ms


def encode_record(record: NewRecord, timestamp_ms: int) -> bytes:
    """A record as it is stored."""
    return _encode((timestamp_ms, record.value, record.key, record.headers))


def encode_value(value: bytes, timestamp_ms: int) -> bytes:
    """A record that has only a value, as it is stored."""
    return _encode((timestamp_ms, value, None, ()))


def decode_record(offset: int, stored: bytes) -> Record:
    """Reads a record; `msgspec.DecodeError` where it is none."""
    row = _decode_record(stored)
    return Record(offset, row.timestamp_ms, row.key, row.value, row.headers)


def scan(db: Rdict, prefix: bytes, from_key: bytes | None = None) -> Iterator[tuple[bytes, bytes]]:
    """The rows under a prefix in order of their keys, from `from_key` on."""
    for key, value in db.items(from_key=from_key or prefix):
        if not isinstance(key, bytes) or not key.startswith(prefix):
            return
        yield key, value


def last_key(db: Rdict, prefix: bytes) -> bytes | None:
    """The last key of eight bytes under a prefix."""
    last = db.iter()
    last.seek_for_prev(prefix + b"\xff" * 8)
    if not last.valid():
        return None
    key = last.key()
    return key if isinstance(key, bytes) and key.startswith(prefix) else None
