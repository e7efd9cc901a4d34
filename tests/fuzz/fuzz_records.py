"""Journal records, rows of the tables and messages between partitions, as bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from fuzz_target import FuzzTarget

from odradek_engine.model import commands as c
from odradek_engine.model import events as e
from odradek_engine.partition.tables import ROW_TYPES
from odradek_engine.replica.position import Position
from odradek_engine.replica.record import (
    FORMAT,
    JournalRecord,
    MalformedRecord,
    UnknownFormat,
    decode_record,
    encode_part,
    encode_record,
)

GOLDEN = Path(__file__).parents[1] / "golden" / "journal_and_rows.txt"
LINES = [line.split() for line in GOLDEN.read_text(encoding="ascii").splitlines()]
RAW = {name: bytes.fromhex(raw) for name, raw in LINES}
EVENTS = [msgspec.msgpack.decode(raw, type=e.AnyEvent) for name, raw in RAW.items() if name.startswith("event.")]
LARGE = e.StateChanged("S", "a", {b"k": b"x" * 20_000, b"l": b"x" * 20_000})


def _record(*events: Any) -> bytes:
    return encode_record(JournalRecord(FORMAT, b"a" * 16, 1, 1, 1, 0, (msgspec.Raw(encode_part(list(events))),)))


def read_record(data: bytes) -> None:
    try:
        record = decode_record(data)
        events = record.events()
    except (MalformedRecord, UnknownFormat):
        return
    again = decode_record(_record(*events))
    assert again.events() == events


def read_row(data: bytes) -> None:
    """The first byte says which table's row it is."""
    kinds = [*ROW_TYPES.values(), c.PartitionMessage, Position]
    kind: Any = kinds[data[0] % len(kinds)] if data else Position
    try:
        row = msgspec.msgpack.decode(data[1:], type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(row), type=kind) == row


TABLES = list(ROW_TYPES)
TARGETS = (
    FuzzTarget("journal records", read_record, (*(_record(event) for event in EVENTS), _record(*EVENTS[:4], LARGE))),
    FuzzTarget(
        "rows of tables",
        read_row,
        tuple(bytes([TABLES.index(table)]) + RAW[f"row.{table}"] for table in TABLES),
    ),
)
