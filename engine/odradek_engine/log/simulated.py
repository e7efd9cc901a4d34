"""The log of one node in a simulation: the whole port over a `SimulatedCluster`, in memory, without threads.

`crash` cuts the node off as kill -9 does: it hears nothing more, and what it had under way turns up in the log or
does not, perhaps after its successor's records.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from odradek_engine.log.checks import check_topic, size_of, user_topic
from odradek_engine.log.port import (
    JournalListener,
    JournalWriter,
    LogError,
    LogUnavailable,
    NewRecord,
    Record,
    TopicExists,
    TopicInfo,
    TopicSpec,
    UnknownTopic,
)
from odradek_engine.log.simulated_cluster import (
    Channel,
    Lane,
    SimulatedCluster,
    SimulatedPartition,
    settle,
)


class SimulatedLog:
    """The log port of one simulated node."""

    rounds_in_flight: int | None = 1
    single_process = False

    def __init__(self, cluster: SimulatedCluster) -> None:
        self._cluster = cluster
        self._channels: dict[Channel, None] = {}
        self._appends: dict[asyncio.Future[None], None] = {}
        self._lanes: dict[SimulatedPartition, Lane] = {}
        self._crashed = False

    def crash(self) -> None:
        """Cuts this node off: no acknowledgement, error or record reaches it any more, nothing new leaves it."""
        self._crashed = True
        for channel in self._channels:
            channel.abandon()
        self._channels.clear()
        self._appends.clear()

    async def cluster_id(self) -> str:
        """See the port."""
        return self._cluster.id

    async def ensure_topics(self, topics: Sequence[TopicSpec]) -> None:
        """See the port."""
        for spec in topics:
            found, _ = self._cluster.topics.get(spec.name, (None, ""))
            if found is None:
                self._cluster.create(spec)
            else:
                check_topic(spec, found)

    async def create_topic(self, name: str, partitions: int, settings: Mapping[str, str] | None = None) -> TopicInfo:
        """See the port."""
        if name in self._cluster.topics:
            raise TopicExists(f"topic {name} is there already")
        self._cluster.create(user_topic(name, partitions, settings or {}))
        return await self.topic(name)

    async def topics(self) -> Sequence[TopicInfo]:
        """See the port."""
        return [await self.topic(name) for name in sorted(self._cluster.topics)]

    async def topic(self, name: str) -> TopicInfo:
        """See the port."""
        if name not in self._cluster.topics:
            raise UnknownTopic(f"no topic {name}")
        spec, identity = self._cluster.topics[name]
        return TopicInfo(name, identity, spec.partitions)

    def journal_writer(self, topic: str, partition: int, listener: JournalListener) -> JournalWriter:
        """See the port."""
        place = self._partition(topic, partition)
        channel = Channel(self._cluster, place, Lane(), listener)
        self._channels[channel] = None
        return SimulatedJournalWriter(channel)

    async def append(self, topic: str, partition: int, records: Sequence[NewRecord]) -> Sequence[int]:
        """See the port."""
        place = self._partition(topic, partition)
        for record in records:
            size_of(record)
        if not records:
            return []
        pending = _PendingAppend(len(records))
        channel = Channel(self._cluster, place, self._lanes.setdefault(place, Lane()), pending)
        self._channels[channel] = None
        self._appends[pending.done] = None
        try:
            for record in records:
                channel.send(record)
            await pending.done
        finally:
            self._channels.pop(channel, None)
            self._appends.pop(pending.done, None)
        return pending.offsets

    async def reader(self, topic: str, partition: int, offset: int) -> SimulatedReader:
        """See the port."""
        return SimulatedReader(self, self._partition(topic, partition), offset)

    async def begin_offset(self, topic: str, partition: int) -> int:
        """See the port."""
        return self._partition(topic, partition).begin

    async def end_offset(self, topic: str, partition: int) -> int:
        """See the port."""
        return self._partition(topic, partition).end

    async def offset_for_time(self, topic: str, partition: int, timestamp_ms: int) -> int:
        """See the port."""
        return self._partition(topic, partition).offset_for_time(timestamp_ms)

    async def delete_before(self, topic: str, partition: int, offset: int) -> None:
        """See the port."""
        self._partition(topic, partition).delete_before(offset)

    async def close(self) -> None:
        """See the port; leaves what is under way to its fate."""
        appends = list(self._appends)
        self.crash()
        for done in appends:
            if not done.done():
                done.set_exception(LogUnavailable("the log was closed: a record's fate is unknown"))

    async def wait_for_record(self, place: SimulatedPartition, seconds: float) -> None:
        """Returns when a record comes or the time is over."""
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        place.waiting.append(woken)
        self._cluster.scheduler.call_later(seconds, lambda: settle(woken))
        try:
            await woken
        finally:
            if woken in place.waiting:
                place.waiting.remove(woken)
        self.check_alive()

    def check_alive(self) -> None:
        """Raises `LogUnavailable` on a node that crashed or was closed."""
        if self._crashed:
            raise LogUnavailable("this node is cut off from the log")

    def _partition(self, topic: str, partition: int) -> SimulatedPartition:
        self.check_alive()
        found = self._cluster.partitions.get((topic, partition))
        if found is None:
            raise UnknownTopic(f"no partition {topic}/{partition}")
        return found


class _PendingAppend:
    """Gathers the acknowledgements of one append."""

    def __init__(self, count: int) -> None:
        self.offsets: list[int] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count = count

    def acknowledged(self, offset: int) -> None:
        self.offsets.append(offset)
        if len(self.offsets) == self._count:
            settle(self.done)

    def failed(self, error: LogError) -> None:
        if not self.done.done():
            self.done.set_exception(error)


class SimulatedJournalWriter:
    """Appends to one journal partition."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def append(self, value: bytes) -> None:
        """See the port."""
        record = NewRecord(value)
        size_of(record)
        self._channel.send(record)

    def close(self) -> None:
        """See the port."""
        self._channel.abandon()


class SimulatedReader:
    """Reads one partition onwards."""

    def __init__(self, log: SimulatedLog, place: SimulatedPartition, offset: int) -> None:
        self._log = log
        self._place = place
        self.position = offset

    async def read(self, max_records: int, wait_ms: int) -> Sequence[Record]:
        """See the port."""
        self._log.check_alive()
        self._place.check(self.position)
        if self.position == self._place.end and wait_ms > 0:
            await self._log.wait_for_record(self._place, wait_ms / 1000)
        records = self._place.read(self.position, max_records)
        if records:
            self.position = records[-1].offset + 1
        return records

    async def close(self) -> None:
        """See the port."""
