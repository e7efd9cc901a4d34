"""Which attempts may run: so many at once, shared among deployments, and who waits for one of the slots. Pure.

Within a deployment attempts begin in order; deployments take turns. Where there are several, each leaves a part of what
is free to the others, and a slot for each that holds none, so that those whose handlers hang delay no other.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from typing import Final, NamedTuple

SHARE: Final = 9
"""Where there are several, a deployment holds at most so many slots for each one that it leaves free."""
KEPT: Final = 2
"""One slot in so many is kept at most for deployments that hold none."""
UNKNOWN: Final = "?"
"""Stands for the deployment of attempts that a new leader finds: they tell when they begin."""


class Waiting(NamedTuple):
    """An attempt without a slot."""

    partition: int
    invocation: bytes
    attempt: int


class Slots:
    """`limit` slots. `deployments`: how many there are now."""

    def __init__(self, limit: int, deployments: Callable[[], int]) -> None:
        self._limit = limit
        self._deployments = deployments
        self._taken: Counter[str] = Counter()
        self._free = limit
        self._lanes: OrderedDict[str, deque[Waiting]] = OrderedDict()
        """Whose turn it is comes first; no lane is empty."""

    @property
    def waiting_count(self) -> int:
        """Attempts that wait."""
        return sum(map(len, self._lanes.values()))

    def take(self, deployment: str) -> bool:
        """A slot for an attempt, if there is one for its deployment."""
        if not self._has_room(deployment):
            return False
        self._taken[deployment] += 1
        self._free -= 1
        return True

    def give_back(self, deployment: str) -> None:
        """An attempt needs its slot no more."""
        self._free += 1
        self._taken[deployment] -= 1
        if not self._taken[deployment]:
            del self._taken[deployment]

    def wait(self, deployment: str, waiting: Waiting) -> None:
        """Behind the others of its deployment."""
        self._lanes.setdefault(deployment, deque()).append(waiting)

    def take_next(self) -> tuple[str, Waiting] | None:
        """A slot for the attempt whose turn it is, and its deployment."""
        for deployment, lane in self._lanes.items():
            if self.take(deployment):
                waiting = lane.popleft()
                self._lanes.move_to_end(deployment)
                if not lane:
                    del self._lanes[deployment]
                return deployment, waiting
        return None

    def forget(self, partition: int) -> None:
        """Nothing of this partition waits any more."""
        for deployment, lane in list(self._lanes.items()):
            kept = deque(one for one in lane if one.partition != partition)
            if kept:
                self._lanes[deployment] = kept
            else:
                del self._lanes[deployment]

    def _has_room(self, deployment: str) -> bool:
        if self._free < 1:
            return False
        known = self._deployments()
        taken = self._taken[deployment]
        if known < 2 or not taken:
            return True
        left = self._free - 1
        without_any = known - len(self._taken)
        return taken <= SHARE * left and left >= min(without_any, self._limit // KEPT)
