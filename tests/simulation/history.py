"""What the journals say, in the order of the log: the truth that everything else is held against.

Its own reader of the fence: what the engine's reader lets through by mistake, this one does not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from odradek.protocol.messages import Entry
from odradek_engine.log.port import Record
from odradek_engine.model import events as e
from odradek_engine.model.rows import Invocation, Lock, Phase, Result, StateEdit, Status
from odradek_engine.replica.record import JournalRecord, decode_part, decode_record

ObjectKey = tuple[str, str]


class Moment:
    """Where in the journals an event stands. `part` counts the commands of all journals; times in ms."""

    __slots__ = ("epoch", "offset", "part", "partition", "time_ms")

    def __init__(self, partition: int, offset: int, record: JournalRecord) -> None:
        self.partition = partition
        self.offset = offset
        self.epoch = record.epoch
        self.time_ms = record.time_ms
        self.part = 0


class Known:
    """An invocation, as the journals tell its life. An id may have several, one after the other."""

    __slots__ = ("attempts", "before", "ended", "entries", "forgotten", "invocation", "life", "result", "status")

    def __init__(
        self, invocation: Invocation, status: Status, entries: tuple[Entry, ...], before: Known | None = None
    ) -> None:
        self.invocation = invocation
        self.attempts: set[int] = set()
        self.entries = list(entries)
        self.before = before
        """The life before, of which a node may still hear: it learns late what is durable."""
        self.life: int = 1 if before is None else before.life + 1
        self.result: Result | None = None
        """Where its completion was kept."""
        self.ended = False
        self.forgotten = False
        self.status: Status | None = None
        self.has_status(status)

    def has_status(self, status: Status) -> None:
        """Its status is another one."""
        self.status = status
        if status.phase is Phase.INVOKED:
            self.attempts.add(status.attempt)


class JournalTruth:
    """One journal: its fence, and the records that count by their offsets."""

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.announcement = b""
        self.epoch = 0
        self.next_index = 0
        self.counted: dict[int, JournalRecord] = {}
        self.void = 0
        self.end = 0

    def admit(self, record: JournalRecord) -> bool:
        """Whether a record counts."""
        if record.index == 0:
            if record.epoch <= self.epoch:
                return False
            self.announcement, self.epoch, self.next_index = record.announcement, record.epoch, 1
            return True
        if (record.announcement, record.epoch, record.index) != (self.announcement, self.epoch, self.next_index):
            return False
        self.next_index += 1
        return True


class History:
    """All journals together."""

    def __init__(self, partitions: int, on_event: Callable[[e.AnyEvent, Moment], None]) -> None:
        self.journals = [JournalTruth(partition) for partition in range(partitions)]
        self.invocations: dict[bytes, Known] = {}
        self.state: dict[ObjectKey, dict[bytes, bytes]] = {}
        self.locks: dict[ObjectKey, Lock] = {}
        self.edits: dict[tuple[str, str, int], StateEdit] = {}
        """Operators' edits of a state that wait in an inbox, by their place."""
        self.parts = 0
        self._on_event = on_event
        self._update: dict[type, Callable[[Any], None]] = {
            e.InvocationCreated: self._created,
            e.StatusChanged: self._status_changed,
            e.EntriesAppended: self._appended,
            e.InvocationCompleted: self._completed,
            e.InvocationForgotten: self._forgotten,
            e.StateChanged: self._state_changed,
            e.LockChanged: self._lock_changed,
            e.InboxPushed: self._pushed,
            e.InboxRemoved: self._removed,
        }

    def life_with(self, invocation: bytes, attempt: int) -> Known | None:
        """The latest life of an invocation that has come to an attempt."""
        known = self.invocations.get(invocation)
        while known is not None and attempt not in known.attempts:
            known = known.before
        return known

    def written(self, partition: int, written: Record) -> JournalRecord | None:
        """A record is in the log; it is returned if it counts."""
        journal = self.journals[partition]
        journal.end = written.offset + 1
        record = decode_record(written.value or b"")
        if not journal.admit(record):
            journal.void += 1
            return None
        journal.counted[written.offset] = record
        moment = Moment(partition, written.offset, record)
        for part in record.parts:
            self.parts += 1
            moment.part = self.parts
            for event in decode_part(part):
                self._on_event(event, moment)
                update = self._update.get(type(event))
                if update is not None:
                    update(event)
        return record

    def _created(self, event: e.InvocationCreated) -> None:
        before = self.invocations.get(event.invocation.id)
        self.invocations[event.invocation.id] = Known(event.invocation, event.status, event.entries, before)

    def _status_changed(self, event: e.StatusChanged) -> None:
        known = self.invocations.get(event.invocation)
        if known is not None:
            known.has_status(event.status)

    def _appended(self, event: e.EntriesAppended) -> None:
        known = self.invocations.get(event.invocation)
        if known is not None:
            known.entries += event.entries

    def _completed(self, event: e.InvocationCompleted) -> None:
        known = self.invocations.get(event.invocation)
        if known is not None:
            known.ended, known.status, known.result = True, None, event.completion.result

    def _forgotten(self, event: e.InvocationForgotten) -> None:
        known = self.invocations.get(event.invocation)
        if known is not None:
            known.ended, known.status, known.forgotten = True, None, True

    def _state_changed(self, event: e.StateChanged) -> None:
        values = self.state.setdefault((event.service, event.key), {})
        for name, value in event.values.items():
            if value is None:
                values.pop(name, None)
            else:
                values[name] = value

    def _lock_changed(self, event: e.LockChanged) -> None:
        if event.lock is None:
            self.locks.pop((event.service, event.key), None)
        else:
            self.locks[event.service, event.key] = event.lock

    def _pushed(self, event: e.InboxPushed) -> None:
        if event.entry.edit is not None:
            self.edits[event.service, event.key, event.sequence] = event.entry.edit

    def _removed(self, event: e.InboxRemoved) -> None:
        self.edits.pop((event.service, event.key, event.sequence), None)
