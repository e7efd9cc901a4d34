"""The way into the engine that all subscriptions of a node share.

Bounds how many of their records are under way at once, so that a long backlog neither fills the partitions' queues,
which clients need too, nor makes turns so long that everything else waits.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from odradek_engine.gateway import Gateway

RECORDS_UNDER_WAY_MAX: Final = 512


class Waiting:
    """A place in the line; called when there is room."""

    __slots__ = ("_callback",)

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """Does not want in any more."""
        self._callback = None

    def __call__(self) -> None:
        """There is room."""
        if self._callback is not None:
            self._callback()


class Entrance:
    """Counts the records that were sent and not answered. First come, first served."""

    def __init__(self, gateway: Gateway, limit: int = RECORDS_UNDER_WAY_MAX) -> None:
        self.gateway = gateway
        self._limit = limit
        self._under_way = 0
        self._line: deque[Waiting] = deque()

    @property
    def full(self) -> bool:
        """Whether nothing more may be sent now."""
        return self._under_way >= self._limit

    def enter(self) -> None:
        """A record is sent."""
        self._under_way += 1

    def leave(self) -> None:
        """It was answered, or could not be sent."""
        self._under_way -= 1
        if self._line and self._under_way * 2 <= self._limit:
            line, self._line = self._line, deque()
            loop = asyncio.get_running_loop()
            for waiting in line:
                loop.call_soon(waiting)

    def wait(self, callback: Callable[[], None]) -> Waiting:
        """Calls back once when there is room."""
        waiting = Waiting(callback)
        self._line.append(waiting)
        return waiting
