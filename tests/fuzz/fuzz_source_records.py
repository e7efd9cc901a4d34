"""Records of user topics on their way into a journal: null keys and values, any bytes, headers and timestamps."""

from __future__ import annotations

import struct

from fuzz_target import FuzzTarget

from machine_world import NOW, World
from odradek_connectors.record_commands import RecordCommands
from odradek_engine.log.port import Record
from odradek_engine.model.outcomes import Done
from odradek_engine.model.rows import Subscription
from odradek_engine.model.target import TargetKind
from odradek_engine.replica.record import decode_part, encode_part

HEAD = struct.Struct(">BBqIHH")
"""Which handler; which fields are null; timestamp; how large key, header name and header value are."""
PARTITIONS = 1
LARGE = 200_000
WORLD = World(partitions=PARTITIONS)
HANDLERS = [
    handler
    for handler in WORLD.schema.handlers.values()
    if handler.kind
    in (TargetKind.SERVICE, TargetKind.OBJECT_EXCLUSIVE, TargetKind.OBJECT_SHARED, TargetKind.WORKFLOW_RUN)
]
SUBSCRIPTION = Subscription("sub_1", "local", "topic", "S", "h", {}, 0, "id", {})


def record_of(data: bytes) -> tuple[int, Record]:
    data = data.ljust(HEAD.size, b"\0")
    which, nulls, timestamp, key_size, name_size, size = HEAD.unpack_from(data)
    rest = data[HEAD.size :]
    key = rest[: key_size % 64] * (LARGE // 64 if key_size > 2**31 else 1)
    name = rest[: name_size % 64].decode("utf-8", "replace")
    header = rest[-(size % 64) :] * (LARGE // 64 if size > 2**15 else 1)
    value = rest[key_size % 64 :]
    headers = ((name, header), (name, b"")) if nulls & 4 else ()
    return which, Record(7, timestamp, None if nulls & 1 else key, None if nulls & 2 else value, headers)


def read_record(data: bytes) -> None:
    """Every record becomes an invocation, whatever is in it, or one that failed visibly."""
    which, record = record_of(data)
    handler = HANDLERS[which % len(HANDLERS)]
    commands = RecordCommands(SUBSCRIPTION, 3, PARTITIONS)
    target, command = commands.ingest(record, handler, NOW, {})
    assert target < PARTITIONS
    assert commands.ingest(record, handler, NOW, {}) == (target, command)
    world = World(partitions=PARTITIONS)
    decision = world.machine.decide(command, NOW)
    assert decision.events
    assert decode_part(encode_part(decision.events)) == decision.events
    assert any(getattr(effect, "outcome", None) == Done() for effect in decision.effects)


def sample(which: int, nulls: int, timestamp: int, key: bytes, value: bytes) -> bytes:
    return HEAD.pack(which, nulls, timestamp, len(key), 3, 9) + key + value


TARGETS = (
    FuzzTarget(
        "records of user topics",
        read_record,
        (
            *(sample(which, 0, NOW, b"ada", b'{"a": 1}') for which in range(len(HANDLERS))),
            sample(1, 1, -1, b"", b"x"),
            sample(1, 2, 2**63 - 1, b"\xff\xfe", b""),
            sample(2, 4, -(2**63), "é".encode(), b"\xc3\x28"),
        ),
    ),
)
