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
"""Few, so that a LIMIT ends the reading early and the loop's thread gets its turns."""

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


class _Fragment:
    """All rows of a table that a filter can want; DataFusion asks each fragment for its columns and filter."""

    def __init__(self, table: Table, reading: Reading) -> None:
        self._table = table
        self._reading = reading

    def scanner(
        self,
        _schema: pyarrow.Schema,
        columns: Sequence[str] | None = None,
        filter: Any = None,  # noqa: A002
        **_: Any,
    ) -> pyarrow.dataset.Scanner:
        """Rows with the columns that are asked for, filtered."""
        text = "" if filter is None else str(filter)
        names = [column.name for column in self._table.columns]
        asked = list(names if columns is None else columns)
        read = mentioned_columns(text, iter(names)).union(asked) or {names[0]}
        chosen = [column for column in self._table.columns if column.name in read]
        batches = self._batches(chosen, Wanted(wanted_values(text)))
        return pyarrow.dataset.Scanner.from_batches(
            batches, schema=arrow_schema(chosen), columns=asked, filter=filter, use_threads=False, batch_readahead=1
        )

    def _batches(self, columns: Sequence[Column], wanted: Wanted) -> Iterator[pyarrow.RecordBatch]:
        reading = self._reading
        schema = arrow_schema(columns)
        rows = self._table.rows(reading, wanted)
        while part := list(islice(rows, ROWS_PER_BATCH)):
            if reading.cancelled.is_set():
                raise QueryCancelled
            arrays = []
            for column in columns:
                arrays.append(pyarrow.array([column.read(row, reading) for row in part], _TYPES[column.kind]))
                time.sleep(0)  # hands the interpreter to the loop's thread, if it waits
            yield pyarrow.record_batch(arrays, schema=schema)


class _DataSet(pyarrow.dataset.Dataset):  # type: ignore[misc]
    """What DataFusion takes for a table. Made by `_data_set`, as the base class cannot be constructed."""

    table: Table
    reading: Reading

    @property
    def schema(self) -> pyarrow.Schema:
        return arrow_schema(self.table.columns)

    def scanner(self, columns: Any = None, filter: Any = None, **_: Any) -> pyarrow.dataset.Scanner:  # noqa: A002
        """Asked for its projected schema only; the rows come from the fragment."""
        return pyarrow.dataset.Scanner.from_batches(iter(()), schema=self.schema, columns=columns, filter=filter)

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
