"""I9: epochs only rise, and nothing of an older one is applied after a newer announcement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from odradek_engine.model import events as e
from odradek_engine.replica.position import read_position
from simulation.checkers.port import Checker, Handle, Watched
from simulation.history import Moment

if TYPE_CHECKING:
    from simulation.machine import Machine
    from simulation.world import World


class Epochs(Checker):
    """A disk's position stands for records that count; the record at it is of the epoch that it says."""

    name = "I9 epochs"

    def __init__(self, run: Watched) -> None:
        super().__init__(run)
        self._epochs: dict[int, int] = {}

    def handles(self) -> Mapping[type, Handle]:
        return {e.LeaderElected: self._elected}

    def _elected(self, event: e.LeaderElected, moment: Moment) -> None:
        before = self._epochs.get(moment.partition, 0)
        if moment.epoch != before + 1:
            self.violated(f"epoch {moment.epoch} follows {before} at {moment.partition}/{moment.offset}")
        self._epochs[moment.partition] = moment.epoch

    def disk_left(self, world: World, machine: Machine) -> None:
        for journal in self.history.journals:
            position = read_position(machine.disk, journal.partition)
            if position is None:
                continue
            record = journal.counted.get(position.offset)
            if record is None or record.epoch != position.epoch:
                place = f"{journal.partition}/{position.offset}"
                there = "nothing" if record is None else f"epoch {record.epoch}"
                self.violated(f"node {machine.number} has applied epoch {position.epoch} at {place}: {there} counts")
