"""Writes acknowledged rows of all partitions to the store: one batch every so often, or when many rows wait.

A batch holds, for each partition in it, its rows and the journal position that they reach: after a crash the tables
stand at that position, whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from odradek_engine.partition.overlay import Pending
from odradek_engine.replica.position import Position, position_change
from odradek_engine.store.port import Change, Store, StoreError

FLUSH_ROWS_MAX: Final = 2_000
"""So many rows are not kept waiting for the interval: a write of them stops the loop for about 8 ms."""


class Flushable(Protocol):
    """A partition with acknowledged rows."""

    partition: int
    pending: Pending

    def position(self) -> Position:
        """The journal position that the pending rows reach."""

    def stored(self, position: Position) -> None:
        """The store has everything up to a position."""


class Flusher:
    """The one writer of the store."""

    def __init__(self, store: Store, interval: float, on_failure: Callable[[StoreError], None]) -> None:
        self._store = store
        self._interval = interval
        self._on_failure = on_failure
        self._waiting: dict[int, Flushable] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._failed = False

    def add(self, partition: Flushable) -> None:
        """A partition has something to write."""
        self._waiting[partition.partition] = partition
        if len(partition.pending) >= FLUSH_ROWS_MAX:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._interval, self.flush)

    def flush(self) -> None:
        """Writes everything that waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._failed or not self._waiting:
            return
        batch: list[Change] = []
        written = []
        positions = []
        for partition in self._waiting.values():
            for table, key, cell in partition.pending.drain():
                change = table.change(key, cell[0])
                batch.append(change)
                written.append((table, key, cell, change))
            position = partition.position()
            batch.append(position_change(partition.partition, position))
            positions.append((partition, position))
        self._waiting.clear()
        try:
            self._store.write(batch)
        except StoreError as error:
            # Rows that were drained are gone from memory's account: only a restart reads them from the journal.
            self._failed = True
            self._on_failure(error)
            return
        for table, key, cell, change in written:
            table.written(key, cell, 0 if change[2] is None else len(change[2]))
        for partition, position in positions:
            partition.stored(position)

    def close(self) -> None:
        """Writes what waits, and nothing more."""
        self.flush()
        self._failed = True
