"""Pending timers of a partition, earliest first, with a bound on how many are in memory.

The timers table is the truth. In memory are all timers due up to `horizon`; when the heap is empty the next window
is loaded from the table. A timer due later than the horizon waits in the table alone.
"""

from __future__ import annotations

import heapq
from typing import Final

from odradek_engine.model.rows import Timer
from odradek_engine.partition import keys
from odradek_engine.partition.overlay import Table

WINDOW: Final = 50_000
"""So many timers are loaded at a time; twice as many may be in memory before the latest are left to the table."""
_FOREVER: Final = 2**63


class TimerQueue:
    """The near timers of one partition."""

    def __init__(self, table: Table[Timer]) -> None:
        self._table = table
        self._heap: list[tuple[int, bytes, Timer]] = []
        self._horizon = 0

    def load(self) -> None:
        """Fills an empty queue from the table, with what lies beyond the window before: that may not be gone yet."""
        rows = self._table.rows(keys.u64(self._horizon), limit=WINDOW)
        self._heap = [(timer.due_at, key, timer) for key, timer in rows]
        self._horizon = self._heap[-1][0] if len(self._heap) == WINDOW else _FOREVER

    def add(self, timer: Timer) -> None:
        """A timer is set."""
        if timer.due_at > self._horizon:
            return
        heapq.heappush(self._heap, (timer.due_at, keys.timer_key(timer), timer))
        if len(self._heap) >= 2 * WINDOW:
            self._heap = heapq.nsmallest(WINDOW, self._heap)
            self._horizon = self._heap[-1][0]

    def next_due(self) -> int | None:
        """When to look again, ms since the epoch."""
        if self._heap:
            return self._heap[0][0]
        return None if self._horizon == _FOREVER else self._horizon

    def take_due(self, now: int, limit: int) -> list[Timer]:
        """Timers that are due, at most `limit`; they leave the queue, and the table when they have taken effect."""
        due: list[Timer] = []
        while self._heap and self._heap[0][0] <= now and len(due) < limit:
            due.append(heapq.heappop(self._heap)[2])
        if not self._heap and self._horizon != _FOREVER and not due:
            self.load()
        return due
