"""A machine's disk, and what a process sees of it: nothing more once it is dead, and no byte that was flipped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from odradek_engine.store.memory import MemoryStore
from odradek_engine.store.port import Change, StoreError, StoreReader
from odradek_engine.testing.disk import Disk
from odradek_engine.testing.process import Process


class SimulatedDisk(Disk):
    """What was written, and where it went bad."""

    def __init__(self) -> None:
        super().__init__()
        self.flipped: dict[tuple[str, bytes], None] = {}

    def flip(self, place: int) -> None:
        """A byte of some row goes bad."""
        rows = [(table, key) for table in sorted(self._keys) for key in self._keys[table]]
        if rows:
            self.flipped[rows[place % len(rows)]] = None


class OpenDisk:
    """The store port of one life. Checksums find flipped bytes: nothing of them is ever given out."""

    def __init__(self, disk: SimulatedDisk, process: Process, reach: Callable[[str], None]) -> None:
        self._disk = disk
        self._process = process
        self._reach = reach

    def get(self, table: str, key: bytes) -> bytes | None:
        """See the port."""
        if self._disk.flipped:
            self._check(table, key, key + b"\0")
        return self._disk.get(table, key)

    def scan(
        self, table: str, start: bytes, end: bytes | None, limit: int | None = None
    ) -> Iterator[tuple[bytes, bytes]]:
        """See the port."""
        if self._disk.flipped:
            self._check(table, start, end)
        return self._disk.scan(table, start, end, limit)

    def _check(self, table: str, start: bytes, end: bytes | None) -> None:
        for bad_table, key in self._disk.flipped:
            if table == bad_table and start <= key and (end is None or key < end):
                raise StoreError(f"corruption: the checksum of a row in {table} is wrong")

    def write(self, changes: Sequence[Change]) -> None:
        """See the port."""
        self._reach("before a batch is stored")
        if self._process.alive:
            self._disk.write(changes)
        self._reach("after a batch is stored")

    def snapshot(self) -> StoreReader:
        """See the port."""
        snapshot = SimulatedDisk()
        snapshot.become(MemoryStore.copy(self._disk))
        snapshot.flipped = dict(self._disk.flipped)
        return OpenDisk(snapshot, self._process, self._reach)

    def sync(self) -> None:
        """See the port."""
        if self._process.alive:
            self._disk.sync()

    def close(self) -> None:
        """See the port."""
