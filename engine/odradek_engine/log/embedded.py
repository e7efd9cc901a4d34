"""The embedded log: one process, on its own disk, nothing to install.

A RocksDB of its own holds the records; group commit makes them durable, one sync for all that wait. The directory is
locked, so no second process can write to it. Invariant: what was acknowledged is on disk, synced; what readers see
was durable before they saw it.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from odradek_engine.log import embedded_rows as rows
from odradek_engine.log.checks import check_keys, check_size, check_topic, size_of, user_topic
from odradek_engine.log.embedded_partition import EmbeddedPartition
from odradek_engine.log.embedded_store import EmbeddedStore
from odradek_engine.log.group_commit import Group, GroupCommit
from odradek_engine.log.port import (
    Cleanup,
    JournalListener,
    LogError,
    LogUnavailable,
    NewRecord,
    OffsetOutOfRange,
    Record,
    TopicExists,
    TopicInfo,
    TopicSpec,
    UnknownTopic,
)

TIME_SCAN_RECORDS = 2_000
"""How many records a search by time reads before it lets the loop go on."""

_TOPIC_NAME = re.compile(r"[a-zA-Z0-9._-]{1,249}")


async def open_embedded_log(directory: Path) -> EmbeddedLog:
    """Opens the log in a directory, or makes one there. Raises `LogError`, also where another process has it."""
    store = EmbeddedStore(directory)
    await asyncio.to_thread(store.open)
    log = EmbeddedLog(store, GroupCommit(store, asyncio.get_running_loop()))
    await log.drop_old_tombstones()
    return log


class EmbeddedLog:
    """The log port on a local disk."""

    rounds_in_flight: int | None = None
    single_process = True

    def __init__(self, store: EmbeddedStore, commits: GroupCommit) -> None:
        self._store = store
        self._commits = commits
        self._topic_changes = asyncio.Lock()

    async def cluster_id(self) -> str:
        """See the port."""
        return self._store.cluster_id

    async def ensure_topics(self, topics: Sequence[TopicSpec]) -> None:
        """See the port."""
        for spec in topics:
            async with self._topic_changes:
                found = self._store.topics.get(spec.name)
                if found is None:
                    await self._add_topic(spec, {})
                else:
                    check_topic(spec, found.spec())

    async def create_topic(self, name: str, partitions: int, settings: Mapping[str, str] | None = None) -> TopicInfo:
        """See the port; of the settings, `cleanup.policy` and `message.timestamp.type` have an effect here."""
        settings = dict(settings or {})
        async with self._topic_changes:
            if name in self._store.topics:
                raise TopicExists(f"topic {name} is there already")
            return await self._add_topic(user_topic(name, partitions, settings), settings)

    async def topics(self) -> Sequence[TopicInfo]:
        """See the port."""
        return [_info(self._store.topics[name]) for name in sorted(self._store.topics)]

    async def topic(self, name: str) -> TopicInfo:
        """See the port."""
        found = self._store.topics.get(name)
        if found is None:
            raise UnknownTopic(f"no topic {name}")
        return _info(found)

    def journal_writer(self, topic: str, partition: int, listener: JournalListener) -> EmbeddedJournalWriter:
        """See the port."""
        return EmbeddedJournalWriter(self._commits, self._partition(topic, partition), listener)

    async def append(self, topic: str, partition: int, records: Sequence[NewRecord]) -> Sequence[int]:
        """See the port."""
        target = self._partition(topic, partition)
        if not records:
            return []
        for record in records:
            check_keys(topic, target.cleanup, record)
        size = sum(map(size_of, records))
        offsets: list[int] = []
        await self._commit(size, lambda group: offsets.extend(target.put(group, record) for record in records))
        target.durable_to(offsets[-1] + 1)
        return offsets

    async def reader(self, topic: str, partition: int, offset: int) -> EmbeddedReader:
        """See the port."""
        return EmbeddedReader(self._store, self._partition(topic, partition), offset)

    async def begin_offset(self, topic: str, partition: int) -> int:
        """See the port."""
        return self._partition(topic, partition).begin

    async def end_offset(self, topic: str, partition: int) -> int:
        """See the port."""
        return self._partition(topic, partition).end

    async def offset_for_time(self, topic: str, partition: int, timestamp_ms: int) -> int:
        """See the port; reads the partition from its begin on."""
        target = self._partition(topic, partition)
        reader = EmbeddedReader(self._store, target, target.begin)
        while True:
            if reader.position < target.begin:
                reader = EmbeddedReader(self._store, target, target.begin)
            records = await reader.read(TIME_SCAN_RECORDS, 0)
            if not records:
                return target.end
            for record in records:
                if record.timestamp_ms >= timestamp_ms:
                    return record.offset
            await asyncio.sleep(0)

    async def delete_before(self, topic: str, partition: int, offset: int) -> None:
        """See the port."""
        target = self._partition(topic, partition)
        if target.cleanup is Cleanup.COMPACTED:
            raise LogError(f"{target.name} is compacted: its records cannot be deleted by offset")
        if offset > target.end:
            raise OffsetOutOfRange(f"{target.name} ends at {target.end}, asked to delete before {offset}")
        old_begin = target.begin
        if offset <= old_begin:
            return
        target.begin = offset
        await self._commit(0, lambda group: target.trim(group, old_begin, offset))

    async def close(self) -> None:
        """See the port."""
        await self._commits.close()
        await asyncio.to_thread(self._store.discard)

    async def drop_old_tombstones(self) -> None:
        """Removes what deleted a key of a compacted topic more than a day ago; for the start, before anyone reads."""
        for partition in self._store.partitions.values():
            if partition.cleanup is Cleanup.COMPACTED:
                await self._commit(0, partition.drop_old_tombstones)

    def _partition(self, topic: str, partition: int) -> EmbeddedPartition:
        found = self._store.partitions.get((topic, partition))
        if found is None:
            raise UnknownTopic(f"no partition {topic}/{partition}")
        return found

    async def _add_topic(self, spec: TopicSpec, settings: dict[str, str]) -> TopicInfo:
        if not _TOPIC_NAME.fullmatch(spec.name) or spec.name in {".", ".."}:
            raise LogError(f"{spec.name!r} is no topic name: letters, digits, '.', '_' and '-', at most 249 of them")
        if spec.partitions < 1:
            raise LogError(f"topic {spec.name} needs at least one partition")
        number = 1 + max((row.number for row in self._store.topics.values()), default=0)
        identity = uuid.uuid4().hex
        row = rows.TopicRow(spec.name, identity, number, spec.partitions, spec.cleanup, spec.log_append_time, settings)
        await self._commit(0, lambda group: group.batch.put(rows.topic_key(number), rows.encode_topic(row)))
        self._store.add_topic(row)
        return _info(row)

    async def _commit(self, size: int, fill: Callable[[Group], None]) -> None:
        """Writes something and waits until it is durable; `LogError` where that is unknown."""
        commit = _AwaitedCommit(size, fill)
        self._commits.submit(commit)
        await commit.done


class _AwaitedCommit:
    """A commit that somebody awaits."""

    def __init__(self, size: int, fill: Callable[[Group], None]) -> None:
        self.size = size
        self.fill = fill
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def finished(self, error: LogError | None) -> None:
        if self.done.done():
            return
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(error)


class _JournalAppend:
    """A journal record under way."""

    __slots__ = ("_offset", "_value", "_writer", "size")

    def __init__(self, writer: EmbeddedJournalWriter, value: bytes) -> None:
        self._writer = writer
        self._value = value
        self._offset = -1
        self.size = len(value)

    def fill(self, group: Group) -> None:
        self._offset = self._writer.partition.put_value(group, self._value)

    def finished(self, error: LogError | None) -> None:
        if error is None:
            self._writer.durable(self._offset)
        else:
            self._writer.fail(error)


class EmbeddedJournalWriter:
    """Appends to one journal partition."""

    __slots__ = ("_commits", "_listener", "partition")

    def __init__(self, commits: GroupCommit, partition: EmbeddedPartition, listener: JournalListener) -> None:
        if partition.cleanup is Cleanup.COMPACTED:
            raise LogError(f"{partition.name} is compacted: no journal can be there")
        self.partition = partition
        self._commits = commits
        self._listener: JournalListener | None = listener

    def append(self, value: bytes) -> None:
        """See the port; after a failure nothing is taken, and nobody is told again."""
        check_size(len(value))
        if self._listener is not None:
            self._commits.submit(_JournalAppend(self, value))

    def close(self) -> None:
        """See the port."""
        self._listener = None

    def durable(self, offset: int) -> None:
        """The oldest record under way is durable."""
        self.partition.durable_to(offset + 1)
        if self._listener is not None:
            self._listener.acknowledged(offset)

    def fail(self, error: LogError) -> None:
        """The records under way are in doubt."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.failed(error)


class EmbeddedReader:
    """Reads one partition onwards."""

    def __init__(self, store: EmbeddedStore, partition: EmbeddedPartition, offset: int) -> None:
        self._store = store
        self._partition = partition
        self._offset = offset

    @property
    def position(self) -> int:
        """See the port."""
        return self._offset

    async def read(self, max_records: int, wait_ms: int) -> Sequence[Record]:
        """See the port."""
        partition = self._partition
        partition.check(self._offset)
        await partition.wait_beyond(self._offset, wait_ms)
        db = self._store.database
        if db is None:
            raise LogUnavailable(f"{partition.name} cannot be read: the log is closed, or had to be after an error")
        try:
            records = partition.read(db, self._offset, max_records)
        except LogError:
            raise
        except Exception as error:  # rocksdict raises bare exceptions
            raise LogError(f"reading {partition.name} at {self._offset} failed: {error}") from error
        if records:
            self._offset = records[-1].offset + 1
        return records

    async def close(self) -> None:
        """See the port."""


def _info(row: rows.TopicRow) -> TopicInfo:
    return TopicInfo(row.name, row.id, row.partitions)
