"""I4: tables are a function of the journal: what a node has stored is what a cold rebuild comes to at that offset."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odradek_engine.partition.apply import apply
from odradek_engine.partition.overlay import Changes
from odradek_engine.partition.tables import ROW_TYPES, Tables, partition_prefix
from odradek_engine.replica.position import Position, read_position
from odradek_engine.store.memory import MemoryStore
from odradek_engine.store.port import StoreError, prefix_end
from simulation.checkers.port import Checker, Watched
from simulation.disk import SimulatedDisk
from simulation.history import JournalTruth

if TYPE_CHECKING:
    from simulation.machine import Machine
    from simulation.world import World

Row = tuple[str, bytes]


class ColdTables:
    """One partition's tables, made of its journal alone: every write is kept as it comes, nothing is left out."""

    def __init__(self, journal: JournalTruth) -> None:
        self.offset = -1
        self._journal = journal
        self._tables = Tables(journal.partition, MemoryStore())
        self._last: dict[tuple[object, object], tuple[object, object, object]] = {}

    def follow(self, offset: int) -> None:
        """Applies the records that count up to an offset."""
        for at in range(self.offset + 1, offset + 1):
            record = self._journal.counted.get(at)
            if record is None:
                continue
            changes = Changes()
            self._tables.record_in(changes)
            for event in record.events():
                apply(event, self._tables)
            for table, key, cell, _ in changes.entries:
                self._last[table, key] = (table, key, cell[0])
        self.offset = max(self.offset, offset)

    def rows(self) -> dict[Row, bytes]:
        """All rows, as they are stored."""
        rows = {}
        for table, key, row in self._last.values():
            name, full_key, value = table.change(key, row)  # type: ignore[attr-defined]
            if value is not None:
                rows[name, full_key] = value
        return rows


class TablesFollowJournals(Checker):
    """Compares each disk that a node leaves behind, and those of the end."""

    name = "I4 tables follow journals"

    def __init__(self, run: Watched) -> None:
        super().__init__(run)
        self._cold = [ColdTables(journal) for journal in self.history.journals]

    def disk_left(self, world: World, machine: Machine) -> None:
        self._compare(machine.disk)

    def finish(self, world: World) -> None:
        for machine in world.machines:
            if machine.serving_now:
                try:
                    machine.node.open_rows()
                except StoreError:
                    return
                self._compare(machine.disk)

    def _compare(self, disk: SimulatedDisk) -> None:
        for cold, journal in zip(self._cold, self.history.journals, strict=True):
            position = read_position(disk, journal.partition)
            if position is None or position.offset < cold.offset:
                continue  # an older disk than one that was compared before
            self._check_position(journal, position)
            cold.follow(position.offset)
            self._check_rows(journal.partition, position.offset, cold.rows(), _stored(disk, journal.partition))

    def _check_position(self, journal: JournalTruth, position: Position) -> None:
        record = journal.counted.get(position.offset)
        if record is None or (record.announcement, record.epoch, record.index) != (
            position.announcement,
            position.epoch,
            position.index,
        ):
            self.violated(f"a disk stands at {journal.partition}/{position.offset}, where no such record counts")

    def _check_rows(self, partition: int, offset: int, cold: dict[Row, bytes], stored: dict[Row, bytes]) -> None:
        if cold == stored:
            return
        differing = [row for row in (*cold, *stored) if cold.get(row) != stored.get(row)]
        table, key = differing[0]
        self.violated(
            f"partition {partition} at offset {offset}: {len(differing)} rows differ, the first in {table}: {key!r} is "
            f"{stored.get(differing[0])!r}, a rebuild makes it {cold.get(differing[0])!r}"
        )


def _stored(disk: SimulatedDisk, partition: int) -> dict[Row, bytes]:
    prefix = partition_prefix(partition)
    return {(table, key): value for table in ROW_TYPES for key, value in disk.scan(table, prefix, prefix_end(prefix))}
