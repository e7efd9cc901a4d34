"""When partitions take their turns: all that have something to do, once per pass of the loop.

Where the log wants few rounds under way at once (a produce request costs the broker more than a record), commands
that come meanwhile wait for the next round and share its records.
"""

from __future__ import annotations

import asyncio
from typing import Protocol


class TurnTaker(Protocol):
    """A partition that can take a turn."""

    def take_turn(self) -> None:
        """Decides what waits and appends a record."""


class Rounds:
    """Schedules turns. `limit`: rounds in flight at once, None for no limit."""

    def __init__(self, loop: asyncio.AbstractEventLoop, limit: int | None) -> None:
        self._loop = loop
        self._limit = limit
        self._dirty: dict[TurnTaker, None] = {}
        self._scheduled = False
        self._records_in_flight = 0

    def mark(self, partition: TurnTaker) -> None:
        """A partition has something to do."""
        self._dirty[partition] = None
        self._schedule()

    def record_sent(self) -> None:
        """A record is under way."""
        self._records_in_flight += 1

    def records_settled(self, count: int) -> None:
        """Records are under way no more, whatever became of them."""
        self._records_in_flight -= count
        if self._dirty:
            self._schedule()

    def _schedule(self) -> None:
        if self._scheduled or (self._limit is not None and self._records_in_flight > 0):
            return
        self._scheduled = True
        self._loop.call_soon(self._run)

    def _run(self) -> None:
        self._scheduled = False
        if self._limit is not None and self._records_in_flight > 0:
            return
        dirty, self._dirty = self._dirty, {}
        for partition in dirty:
            partition.take_turn()
