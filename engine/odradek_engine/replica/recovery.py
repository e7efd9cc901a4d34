"""How a partition comes to be led: tables from the store, the journal's tail, the own announcement.

1. The stored position is held against the journal: a lost tail or a re-created topic stops the partition loudly.
2. The tail is read; records that count are applied and flushed.
3. A new epoch is announced, and the journal read on until that very announcement: whatever another leader wrote in
   between is met before anything is served.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from odradek_engine.log.port import Log, LogError, OffsetOutOfRange, Record
from odradek_engine.model.events import AnyEvent, LeaderElected
from odradek_engine.partition.apply import apply
from odradek_engine.partition.overlay import Changes
from odradek_engine.partition.tables import Tables
from odradek_engine.replica.fence import Fence
from odradek_engine.replica.position import Position
from odradek_engine.replica.record import FORMAT, JournalRecord, MalformedRecord, UnknownFormat, decode_record

READ_RECORDS: Final = 500
READ_WAIT_MS: Final = 10_000
"""So long a record that must be there (the own announcement) is waited for."""


class PartitionHalted(Exception):
    """The partition must not go on: its tables and its journal do not belong together. The text says what to do."""


class Deposed(Exception):
    """Another node has announced itself for this journal."""


class Journal(msgspec.Struct, frozen=True):
    """The journal of a partition, and what identifies it."""

    log: Log
    cluster: str
    topic: str
    topic_id: str
    cluster_id: str
    partition: int
    partitions: int


class Replay:
    """Follows a journal from a position on, applying what counts.

    `last_indexes` takes the last index that counts of each announcement that is met.
    """

    def __init__(
        self,
        journal: Journal,
        tables: Tables,
        position: Position | None,
        on_applied: Callable[[Changes], None],
        last_indexes: dict[bytes, int],
    ) -> None:
        self.fence = Fence() if position is None else position.fence
        self.applied = -1 if position is None else position.offset
        self.next_offset = 0 if position is None else position.void_offset + 1
        self.stored_announcement = self.fence.announcement
        self.last_time_ms = 0
        self._journal = journal
        self._tables = tables
        self._stored = position
        self._on_applied = on_applied
        self._last_indexes = last_indexes

    async def check_stored(self) -> None:
        """Holds the stored position against the journal; raises `PartitionHalted`."""
        journal = self._journal
        begin = await journal.log.begin_offset(journal.topic, journal.partition)
        stored = self._stored
        if stored is None:
            if begin > 0:
                raise PartitionHalted(
                    f"{self._name()} begins at offset {begin} and there are no tables that reach it: put the data "
                    "directory of this cluster back in its place"
                )
            return
        identity = (journal.cluster_id, journal.topic_id, journal.partitions)
        if (stored.cluster_id, stored.topic_id, stored.partitions) != identity:
            raise PartitionHalted(
                f"the tables of {self._name()} belong to another journal (cluster {stored.cluster_id}, topic "
                f"{stored.topic_id}, {stored.partitions} partitions): this data directory is not of this log"
            )
        await self.check_applied()

    async def check_applied(self) -> None:
        """Holds the tables against the journal: the record applied last must still be the one at its offset."""
        journal, tables = self._journal, self.position()
        begin = await journal.log.begin_offset(journal.topic, journal.partition)
        end = await journal.log.end_offset(journal.topic, journal.partition)
        if begin > tables.offset + 1 or end <= tables.void_offset:
            raise PartitionHalted(
                f"the tables of {self._name()} stand at offset {tables.offset}, the journal holds {begin} to {end}: "
                "records that were acknowledged are gone"
            )
        if begin > tables.offset:
            return
        record = await self._read_one(tables.offset)
        found = self._decode(record)
        if (found.announcement, found.epoch, found.index) != (tables.announcement, tables.epoch, tables.index):
            raise PartitionHalted(
                f"the record at offset {tables.offset} of {self._name()} is not the one that was applied there: "
                "records that were acknowledged were replaced"
            )

    async def _read_one(self, offset: int) -> Record:
        journal = self._journal
        reader = await journal.log.reader(journal.topic, journal.partition, offset)
        try:
            records = await reader.read(1, READ_WAIT_MS)
        finally:
            await reader.close()
        if not records or records[0].offset != offset:
            raise LogError(f"offset {offset} of {self._name()} cannot be read")
        return records[0]

    async def follow(self, end: int) -> None:
        """Applies the records before offset `end`."""
        try:
            await self._follow(end)
        except OffsetOutOfRange as error:
            raise PartitionHalted(f"{self._name()} cannot be read from offset {self.next_offset}: {error}") from error

    async def _follow(self, end: int) -> None:
        journal = self._journal
        reader = await journal.log.reader(journal.topic, journal.partition, self.next_offset)
        try:
            while self.next_offset < end:
                records = await reader.read(READ_RECORDS, READ_WAIT_MS)
                if not records:
                    raise LogError(f"no record came at offset {self.next_offset} of {self._name()}")
                self._apply(records)
        finally:
            await reader.close()

    def _apply(self, records: Sequence[Record]) -> None:
        changes = Changes()
        self._tables.record_in(changes)
        for record in records:
            counted = self._admit(record)
            self.next_offset = record.offset + 1
            if counted is None:
                continue
            self.applied = record.offset
            for event in self._events(counted, record.offset):
                apply(event, self._tables)
        self._on_applied(changes)

    def _decode(self, record: Record) -> JournalRecord:
        try:
            return decode_record(record.value or b"")
        except UnknownFormat as error:
            raise PartitionHalted(f"{self._name()} at offset {record.offset}: {error}") from error
        except MalformedRecord as error:
            raise self._no_record(record.offset, error) from error

    def _no_record(self, offset: int, error: MalformedRecord) -> PartitionHalted:
        return PartitionHalted(f"{self._name()} at offset {offset} is no journal record: {error}")

    def _events(self, counted: JournalRecord, offset: int) -> list[AnyEvent]:
        try:
            return counted.events()
        except MalformedRecord as error:
            raise self._no_record(offset, error) from error

    def _admit(self, record: Record) -> JournalRecord | None:
        found = self._decode(record)
        fence = self.fence.admit(found)
        if fence is None:
            return None
        self.fence = fence
        self.last_time_ms = found.time_ms
        self._last_indexes[found.announcement] = found.index
        if found.index == 0:
            self._check_announcement(found, record.offset)
        return found

    def _check_announcement(self, found: JournalRecord, offset: int) -> None:
        events = self._events(found, offset)
        event = events[0] if len(events) == 1 else None
        if not isinstance(event, LeaderElected):
            raise PartitionHalted(f"{self._name()} at offset {offset}: an announcement was expected")
        journal = self._journal
        if (event.cluster_id, event.partitions) != (journal.cluster_id, journal.partitions):
            raise PartitionHalted(
                f"{self._name()} was announced for cluster {event.cluster_id} with {event.partitions} partitions, "
                f"this node is of {journal.cluster_id} with {journal.partitions}"
            )

    def position(self) -> Position:
        """The position reached."""
        fence = self.fence
        journal = self._journal
        return Position(
            FORMAT,
            self.applied,
            self.next_offset - 1,
            fence.announcement,
            fence.epoch,
            fence.next_index - 1,
            0,
            journal.cluster_id,
            journal.topic_id,
            journal.partitions,
        )

    def _name(self) -> str:
        return f"journal {self._journal.topic}/{self._journal.partition}"
