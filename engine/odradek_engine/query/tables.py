"""What a table is for SQL: named, typed columns, each with a function that reads it from a row.

Types are plain names here, so that nothing heavy is imported before the first query.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from enum import Enum
from typing import Any

import msgspec

from odradek.protocol.ids import MalformedId, parse_invocation_id, partition_key_of
from odradek_engine.partition.routing import hash_key
from odradek_engine.query.source import RowSource


class Kind(Enum):
    """Types of columns."""

    TEXT = "text"
    BYTES = "bytes"
    BOOLEAN = "boolean"
    UINT32 = "uint32"
    UINT64 = "uint64"
    TIMESTAMP = "timestamp"
    """Milliseconds since the epoch, UTC."""
    DURATION = "duration"
    """Milliseconds."""
    TEXTS = "texts"
    UINT32S = "uint32s"


class Context(msgspec.Struct, frozen=True):
    """What columns may ask beside their row."""

    source: RowSource
    version: str
    """The engine's."""


class Column(msgspec.Struct, frozen=True):
    """A column; `read(row, context)` gives its value, None for null."""

    name: str
    kind: Kind
    read: Callable[[Any, Context], Any]


class Wanted(msgspec.Struct, frozen=True):
    """The only values of columns that can be wanted, by column."""

    values: dict[str, frozenset[str]]

    def ids(self) -> Collection[bytes] | None:
        """Raw invocation ids; None for all. A text that is no id matches nothing."""
        texts = self.values.get("id")
        if texts is None:
            return None
        found = []
        for text in sorted(texts):
            try:
                found.append(parse_invocation_id(text))
            except MalformedId:
                continue
        return found

    def only(self, column: str) -> str | None:
        """The one value, if there is exactly one."""
        texts = self.values.get(column, frozenset())
        return next(iter(texts)) if len(texts) == 1 else None


class Table(msgspec.Struct, frozen=True):
    """A table; `rows(context, wanted)` gives its rows, and may give more than are wanted."""

    name: str
    columns: tuple[Column, ...]
    rows: Callable[[Context, Wanted], Iterator[Any]]


def nothing(_row: Any, _context: Context) -> None:
    """A column of Restate's that has no meaning here."""


def key_hash(key: str) -> int:
    """The `partition_key` of an object's rows."""
    return hash_key(key)


def id_hash(invocation: bytes) -> int:
    """The `partition_key` of an invocation's rows."""
    return partition_key_of(invocation)
