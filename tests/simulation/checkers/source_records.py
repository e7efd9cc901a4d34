"""I5: a source record starts at most one invocation, and none is skipped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from odradek_engine.model import events as e
from simulation.checkers.port import Checker, Handle, Watched
from simulation.history import Moment
from simulation.subscribing import TOPIC

if TYPE_CHECKING:
    from simulation.world import World

Place = tuple[int, int]
"""Partition and offset of the source."""


class SourceRecords(Checker):
    """Counts how often each record is taken, over all target partitions."""

    name = "I5 source records"

    def __init__(self, run: Watched) -> None:
        super().__init__(run)
        self._taken: Counter[Place] = Counter()
        self._newest: dict[Place, int] = {}
        """By source and target partition: the offset taken last."""
        self._committed: dict[int, int] = {}

    def handles(self) -> Mapping[type, Handle]:
        return {e.SourceTaken: self._took, e.SourceCommitted: self._commit}

    def _took(self, event: e.SourceTaken, moment: Moment) -> None:
        self._taken[event.partition, event.offset] += 1
        if self._taken[event.partition, event.offset] > 1:
            self.violated(f"record {event.partition}/{event.offset} is taken again, at {moment.partition}")
        way = (event.partition, moment.partition)
        if event.offset <= self._newest.get(way, -1):
            self.violated(f"record {event.partition}/{event.offset} is taken after a later one")
        self._newest[way] = event.offset

    def _commit(self, event: e.SourceCommitted, moment: Moment) -> None:
        for offset in range(self._committed.get(event.partition, 0), event.offset):
            if not self._taken[event.partition, offset]:
                self.violated(f"{event.partition}/{event.offset} is committed, and {offset} was never taken")
        self._committed[event.partition] = max(event.offset, self._committed.get(event.partition, 0))

    def finish(self, world: World) -> None:
        for (topic, number), partition in world.cluster.partitions.items():
            if topic == TOPIC:
                lost = [offset for offset in range(partition.end) if not self._taken[number, offset]]
                if lost:
                    self.violated(f"records {lost} of {topic}/{number} were never taken")
