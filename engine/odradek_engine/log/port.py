"""The log port: all that the engine asks of a log, whichever adapter is behind it.

A log holds topics of partitions of records; offsets rise within a partition and are never used twice. What an
adapter must keep, and what `tests/contract` checks of each:

- an acknowledged record survives the death of this process at any moment, whole; a record that was not
  acknowledged is there whole or not at all;
- acknowledgements of one journal writer come in the order of its appends;
- a failed append says "unknown", never "no": the record may be there, or turn up later;
- `delete_before` moves the begin offset and changes no other offset.

Nothing here blocks the event loop. Callbacks are called on the loop's thread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Protocol

import msgspec


class LogError(Exception):
    """The log could not do what was asked. The text says what, and what to do."""


class LogUnavailable(LogError):
    """The log cannot be reached now; trying again may help."""


class RecordTooLarge(LogError):
    """A record is larger than the topic takes. Nothing was written."""


class UnknownTopic(LogError):
    """No such topic or partition."""


class TopicExists(LogError):
    """A topic of that name is there already."""


class OffsetOutOfRange(LogError):
    """The offset lies before the first record that is kept, or beyond the end."""


class TopicMisconfigured(LogError):
    """A topic is not set up as its use demands; the text says which setting and how to mend it."""


class Cleanup(Enum):
    """How old records of a topic go."""

    NEVER_BY_TIME = "never-by-time"
    """Only `delete_before` removes records."""
    COMPACTED = "compacted"
    """The last record of each key stays."""
    ORDINARY = "ordinary"
    """A user's topic: as the log's defaults say."""


class TopicSpec(msgspec.Struct, frozen=True):
    """A topic as it should be."""

    name: str
    partitions: int
    cleanup: Cleanup
    log_append_time: bool = False
    """Record timestamps are the log's own (the journal's clock check needs that)."""


class TopicInfo(msgspec.Struct, frozen=True):
    """A topic as it is. `id` changes when a topic is deleted and created again under the same name."""

    name: str
    id: str
    partitions: int


class NewRecord(msgspec.Struct, frozen=True):
    """A record to append. `timestamp_ms` None: now."""

    value: bytes | None
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp_ms: int | None = None


class Record(msgspec.Struct, frozen=True):
    """A record as read."""

    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


class JournalListener(Protocol):
    """Who owns a journal writer; told of each append's fate, on the loop's thread."""

    def acknowledged(self, offset: int) -> None:
        """The oldest record not yet acknowledged is durable at this offset."""

    def failed(self, error: LogError) -> None:
        """The fate of every record not yet acknowledged is unknown. Called once; the writer takes nothing more."""


class JournalWriter(Protocol):
    """Appends to one journal partition, in order."""

    def append(self, value: bytes) -> None:
        """Sends a record on its way. Raises `RecordTooLarge`; every other outcome goes to the listener."""

    def close(self) -> None:
        """Forgets what is still under way; the listener hears nothing more."""


class Reader(Protocol):
    """Reads one partition onwards from an offset."""

    @property
    def position(self) -> int:
        """Every record before this offset was given; equals the end when all was, also where the last offsets hold no
        records that a reader sees (Kafka's transactions end in such)."""

    async def read(self, max_records: int, wait_ms: int) -> Sequence[Record]:
        """The next records in order; empty when none came within `wait_ms`. Raises `OffsetOutOfRange`, `LogError`."""

    async def close(self) -> None:
        """Frees what the reader holds."""


class Log(Protocol):
    """A whole log."""

    rounds_in_flight: int | None
    """How many rounds of journal appends (one record for each of some partitions) should be under way at once in
    a process, None for no limit: a property of the adapter's costs, see docs/decisions."""

    single_process: bool
    """Whether the log itself makes sure that only this process can write to it."""

    async def cluster_id(self) -> str:
        """What tells this log from another."""

    async def ensure_topics(self, topics: Sequence[TopicSpec]) -> None:
        """Creates the engine's topics where they are missing, checks those that are there: `TopicMisconfigured`."""

    async def create_topic(self, name: str, partitions: int, settings: Mapping[str, str] | None = None) -> TopicInfo:
        """Creates a user's topic; `TopicExists`."""

    async def topics(self) -> Sequence[TopicInfo]:
        """All topics but the log's internal ones, by name."""

    async def topic(self, name: str) -> TopicInfo:
        """One topic; `UnknownTopic`."""

    def journal_writer(self, topic: str, partition: int, listener: JournalListener) -> JournalWriter:
        """A fresh writer; `UnknownTopic` unless `ensure_topics` saw the topic. What an earlier writer of this
        partition had under way may still turn up in the log."""

    async def append(self, topic: str, partition: int, records: Sequence[NewRecord]) -> Sequence[int]:
        """Appends to any other topic; their offsets once all are durable. On an error all of them are unknown.

        What one process appends to a partition is written in the order of the calls, except for what failed."""

    async def reader(self, topic: str, partition: int, offset: int) -> Reader:
        """A reader from `offset` on."""

    async def begin_offset(self, topic: str, partition: int) -> int:
        """The first offset still kept (equal to the end where the partition is empty)."""

    async def end_offset(self, topic: str, partition: int) -> int:
        """The offset that the next record will get."""

    async def offset_for_time(self, topic: str, partition: int, timestamp_ms: int) -> int:
        """The first offset whose record is at least that young; the end where there is none."""

    async def delete_before(self, topic: str, partition: int, offset: int) -> None:
        """Removes the records before `offset`, sooner or later."""

    async def close(self) -> None:
        """Leaves cleanly; acknowledged records are safe without it."""
