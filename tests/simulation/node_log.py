"""The log of one life of a simulated node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odradek_engine.log.port import JournalListener, JournalWriter
from odradek_engine.log.simulated import SimulatedLog
from odradek_engine.testing.journal_watch import Hearing
from odradek_engine.testing.process import Process

if TYPE_CHECKING:
    from simulation.world import World


class NodeLog(SimulatedLog):
    """Shared by several processes, or one process's own."""

    def __init__(self, world: World, process: Process) -> None:
        super().__init__(world.cluster)
        self.single_process = not world.setting.shared
        self.rounds_in_flight = 1 if world.setting.shared else None
        self._process = process
        self._world = world

    def journal_writer(self, topic: str, partition: int, listener: JournalListener) -> JournalWriter:
        """See the port."""
        writer = super().journal_writer(topic, partition, Hearing(self._process, listener))
        return _NodeJournal(self._world, self._process, writer)


class _NodeJournal:
    """Nothing leaves a dead process."""

    def __init__(self, world: World, process: Process, writer: JournalWriter) -> None:
        self._world = world
        self._process = process
        self._writer = writer

    def append(self, value: bytes) -> None:
        self._world.reach("before a record is sent")
        if self._process.alive:
            self._writer.append(value)
        self._world.reach("after a record is sent")

    def close(self) -> None:
        self._writer.close()
