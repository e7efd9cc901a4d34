"""Tables for DataFusion: Arrow data sets that read rows only when, and only of what, a query wants.

Imported by the first query only: Arrow and DataFusion are heavy.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final

import pyarrow  # type: ignore[import-untyped]
import pyarrow.dataset  # type: ignore[import-untyped]
from datafusion.catalog import SchemaProvider

from odradek_engine.query.pushdown import mentioned_columns, wanted_values
from odradek_engine.query.tables import Column, Context, Kind, Table, Wanted

ROWS_PER_BATCH: Final = 256
"""Few, so that a LIMIT ends the reading early."""
ROWS_PER_STRETCH: Final = 32
"""So many rows are read before the loop's thread gets a turn."""

_TYPES: Final = {
    Kind.TEXT: pyarrow.large_string(),
    Kind.BYTES: pyarrow.large_binary(),
    Kind.BOOLEAN: pyarrow.bool_(),
    Kind.UINT32: pyarrow.uint32(),
    Kind.UINT64: pyarrow.uint64(),
    Kind.TIMESTAMP: pyarrow.timestamp("ms", "+00:00"),
    Kind.DURATION: pyarrow.duration("ms"),
    Kind.TEXTS: pyarrow.list_(pyarrow.large_string()),
    Kind.UINT32S: pyarrow.list_(pyarrow.uint32()),
}


class QueryCancelled(Exception):
    """The query took too long; nobody waits for it any more."""


class Reading(Context, frozen=True):
    """What the tables of one query share."""

    cancelled: threading.Event


def arrow_schema(columns: Sequence[Column]) -> pyarrow.Schema:
    """The columns' names and types."""
    return pyarrow.schema([pyarrow.field(column.name, _TYPES[column.kind]) for column in columns])


class _Scanner:
    """Reads a table's rows batch by batch, with the columns that are asked for, filtered.

    Stands in for Arrow's own scanner, which reads far ahead and to the end of what it has begun.
    """

    def __init__(self, table: Table, reading: Reading, columns: Sequence[str] | None, filter: Any) -> None:  # noqa: A002
        text = "" if filter is None else str(filter)
        names = [column.name for column in table.columns]
        self._table = table
        self._reading = reading
        self._filter = filter
        self._asked = list(names if columns is None else columns)
        self._wanted = Wanted(wanted_values(text))
        read = mentioned_columns(text, iter(names)).union(self._asked) or {names[0]}
        self._read = [column for column in table.columns if column.name in read]

    @property
    def projected_schema(self) -> pyarrow.Schema:
        """The columns that are asked for, in that order."""
        by_name = {column.name: column for column in self._read}
        return arrow_schema([by_name[name] for name in self._asked])

    def to_batches(self) -> Iterator[pyarrow.RecordBatch]:
        """The rows; read as far as they are taken."""
        schema = arrow_schema(self._read)
        rows = self._table.rows(self._reading, self._wanted)
        while part := self._next(rows):
            batch = pyarrow.record_batch([self._array(column, part) for column in self._read], schema=schema)
            if self._filter is not None:
                batch = batch.filter(self._filter)
            yield batch.select(self._asked)

    def _next(self, rows: Iterator[Any]) -> list[Any]:
        part: list[Any] = []
        for row in islice(rows, ROWS_PER_BATCH):
            part.append(row)
            if len(part) % ROWS_PER_STRETCH == 0:
                self._give_way()
        return part

    def _give_way(self) -> None:
        """Hands the interpreter to the loop's thread, if it waits for it."""
        time.sleep(0)
        if self._reading.cancelled.is_set():
            raise QueryCancelled

    def _array(self, column: Column, rows: Sequence[Any]) -> pyarrow.Array:
        self._give_way()
        return pyarrow.array([column.read(row, self._reading) for row in rows], _TYPES[column.kind])


class _Fragment:
    """All rows of a table; what DataFusion reads a data set by."""

    def __init__(self, table: Table, reading: Reading) -> None:
        self._table = table
        self._reading = reading

    def scanner(
        self,
        _schema: pyarrow.Schema,
        columns: Sequence[str] | None = None,
        filter: Any = None,  # noqa: A002
        **_: Any,
    ) -> _Scanner:
        """A reader of some columns of the rows that pass a filter."""
        return _Scanner(self._table, self._reading, columns, filter)


class _DataSet(pyarrow.dataset.Dataset):  # type: ignore[misc]
    """What DataFusion takes for a table. Made by `_data_set`, as the base class cannot be constructed."""

    table: Table
    reading: Reading

    @property
    def schema(self) -> pyarrow.Schema:
        return arrow_schema(self.table.columns)

    def scanner(self, columns: Any = None, filter: Any = None, **_: Any) -> _Scanner:  # noqa: A002
        """Asked for its projected schema only; the rows come from the fragment."""
        return _Scanner(self.table, self.reading, columns, filter)

    def get_fragments(self, filter: Any = None) -> Iterator[_Fragment]:  # noqa: A002, ARG002
        """One."""
        return iter((_Fragment(self.table, self.reading),))


def _data_set(table: Table, reading: Reading) -> _DataSet:
    made = _DataSet.__new__(_DataSet)
    made.table = table
    made.reading = reading
    return made


class Tables(SchemaProvider):
    """The schema `public`: each table is looked at only by a query that names it."""

    def __init__(self, tables: Sequence[Table], reading: Reading) -> None:
        self._tables = {table.name: table for table in tables}
        self._reading = reading

    def owner_name(self) -> str | None:
        """Nobody."""
        return None

    @property
    def table_names(self) -> list[str]:  # type: ignore[override]
        """All of them; DataFusion wants a list."""
        return sorted(self._tables)

    def table(self, name: str) -> _DataSet | None:
        """A table by name."""
        table = self._tables.get(name)
        return None if table is None else _data_set(table, self._reading)

    def table_exist(self, name: str) -> bool:
        """Whether there is one of that name."""
        return name in self._tables

    def register_table(self, name: str, table: Any) -> None:
        """Nobody adds tables."""
        raise NotImplementedError(name)

    def deregister_table(self, name: str, cascade: bool) -> None:
        """Nobody drops tables."""
        raise NotImplementedError(name)
