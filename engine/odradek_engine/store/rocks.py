"""The RocksDB adapter of the store: a column family per table, write-ahead log on, no sync.

All objects made from the database stay in this one owner: RocksDB keeps its lock file until the last of them is
dropped.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from rocksdict import BlockBasedOptions, Cache, Options, Rdict, ReadOptions, WriteBatch, WriteOptions

from odradek_engine.store.port import Change, StoreError, StoreReader

_WRITE_BUFFER_BYTES = 32 * 1024 * 1024
_LOG_BYTES_MAX = 128 * 1024 * 1024


def _options(cache: Cache, *, often_missed: bool = False) -> Options:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.create_missing_column_families(True)
    options.set_write_buffer_size(_WRITE_BUFFER_BYTES)
    options.set_max_total_wal_size(_LOG_BYTES_MAX)
    options.set_keep_log_file_num(2)
    blocks = BlockBasedOptions()
    blocks.set_block_cache(cache)
    if often_missed:
        blocks.set_bloom_filter(10, False)
        options.set_memtable_whole_key_filtering(True)
        options.set_memtable_prefix_bloom_ratio(0.05)
    options.set_block_based_table_factory(blocks)
    return options


class _Reading:
    """Gets and scans over one set of column families or snapshots of them."""

    def __init__(self, families: dict[str, Any]) -> None:
        self._families = families

    def get(self, table: str, key: bytes) -> bytes | None:
        """The value of a key."""
        try:
            value: bytes | None = self._families[table].get(key)
        except Exception as error:
            raise _unreadable(table, error) from error
        return value

    def scan(
        self, table: str, start: bytes, end: bytes | None, limit: int | None = None
    ) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values in order."""
        options = ReadOptions()
        if end is not None:
            options.set_iterate_upper_bound(end)
        try:
            for number, item in enumerate(self._families[table].items(from_key=start, read_opt=options)):
                if number == limit:
                    return
                yield item
        except Exception as error:
            raise _unreadable(table, error) from error


def _unreadable(table: str, error: Exception) -> StoreError:
    return StoreError(
        f"cannot read table {table}: {error}; if the disk has gone bad, remove the tables and start the node again: "
        "they are made anew from the log"
    )


class _SnapshotReading(_Reading):
    """Reads of snapshots, which have no `get`."""

    def get(self, table: str, key: bytes) -> bytes | None:
        """The value of a key."""
        for found, value in self.scan(table, key, None, 1):
            if found == key:
                return value
        return None


class RocksStore(_Reading):
    """One database of a node, for all of its partitions."""

    def __init__(self, path: Path, tables: Sequence[str], often_missed: Collection[str], cache_bytes: int) -> None:
        """`often_missed`: tables that are mostly asked for keys they do not have (a filter answers most of these)."""
        try:
            path.mkdir(parents=True, exist_ok=True)
            cache = Cache(cache_bytes)
            known = {name: _options(cache, often_missed=name in often_missed) for name in tables}
            self._database = Rdict(str(path), _options(cache), column_families=known)
            families = {name: self._database.get_column_family(name) for name in tables}
        except Exception as error:
            raise StoreError(f"cannot open the tables in {path}: {error}") from error
        super().__init__(families)
        self._handles = {name: self._database.get_column_family_handle(name) for name in tables}
        self._write_options = WriteOptions()

    def write(self, changes: Sequence[Change]) -> None:
        """Applies all changes or none."""
        batch = WriteBatch(raw_mode=True)
        handles = self._handles
        for table, key, value in changes:
            if value is None:
                batch.delete(key, handles[table])
            else:
                batch.put(key, value, handles[table])
        try:
            self._database.write(batch, self._write_options)
        except Exception as error:
            raise StoreError(
                f"cannot write the tables: {error}; mend the disk (is it full?) and start the node again: what was "
                "acknowledged is in the log"
            ) from error

    def snapshot(self) -> StoreReader:
        """A reader of this moment, for another thread."""
        return _SnapshotReading({name: family.snapshot() for name, family in self._families.items()})

    def sync(self) -> None:
        """Makes what was written survive a crash of the machine."""
        try:
            self._database.flush_wal(True)
        except Exception as error:
            raise StoreError(f"cannot sync the tables: {error}") from error

    def close(self) -> None:
        """Drops every handle, then the database. What a failed disk makes of that is no news any more."""
        self._handles.clear()
        for database in (*self._families.values(), self._database):
            with contextlib.suppress(Exception):
                database.close()
        self._families.clear()
