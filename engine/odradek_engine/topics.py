"""Puts producers' records into topics, each once, over any log.

A producer (a ULID) numbers its records from 0 in each topic, and sends them again, unchanged, until they are
acknowledged. Invariant: a sequence number that is in the topic is known here before anything is appended for its
producer. What is remembered is only a cache: the topic itself holds every record's producer and sequence as headers,
and is read again, from the producer's birth on, after a restart and after every append whose fate is unknown.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from itertools import islice
from typing import Final

import msgspec

from odradek_engine.gateway import Clock
from odradek_engine.log.port import Log, NewRecord, OffsetOutOfRange, Record, UnknownTopic
from odradek_engine.partition.routing import murmur2, partition_of
from odradek_engine.ulid import ulid_time_ms

PRODUCER_HEADER: Final = "odradek-producer"
SEQUENCE_HEADER: Final = "odradek-sequence"

PRODUCERS_REMEMBERED: Final = 1000
"""The one that was silent longest is forgotten; its next request reads the topic again."""
RANGES_REMEMBERED: Final = 1000
"""How many gaps a producer's numbers may have."""
SCANS_AT_ONCE: Final = 4
SCAN_RECORDS: Final = 1000
SCAN_WAIT_MS: Final = 2000
SCAN_EMPTY_READS: Final = 2
"""So often nothing may come before the end although the log answers: what is left are offsets without a record."""
CLOCK_TOLERANCE_MS: Final = 5 * 60 * 1000
"""How much a producer's clock may differ from the log's."""
STICKY_RECORDS: Final = 1000
"""So many records without a key go to one partition before the next one gets its turn."""

_ENGINE_TOPICS: Final = ("invocations", "journal", "timers", "state", "tables", "registry")


class BadProducer(ValueError):
    """A producer's id, clock or numbering cannot be right. The text says what."""


class ProducedRecord(msgspec.Struct, frozen=True):
    """A record of a producer. `partition` None: the key decides."""

    record: NewRecord
    partition: int | None = None


class Produced(msgspec.Struct, frozen=True):
    """How many records were appended, and how many were there already."""

    appended: int
    repeated: int


class SequenceSet:
    """Which sequence numbers are there, as ranges: few of them, as a producer counts without gaps."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    def __contains__(self, sequence: int) -> bool:
        at = bisect_right(self._starts, sequence) - 1
        return at >= 0 and sequence < self._ends[at]

    @property
    def ranges(self) -> int:
        """How many ranges without a gap there are."""
        return len(self._starts)

    def add(self, sequence: int) -> None:
        """It is there now."""
        if sequence in self:
            return
        starts, ends = self._starts, self._ends
        at = bisect_right(starts, sequence)
        joins_left = at > 0 and ends[at - 1] == sequence
        joins_right = at < len(starts) and starts[at] == sequence + 1
        if joins_left and joins_right:
            ends[at - 1] = ends.pop(at)
            del starts[at]
        elif joins_left:
            ends[at - 1] = sequence + 1
        elif joins_right:
            starts[at] = sequence
        else:
            starts.insert(at, sequence)
            ends.insert(at, sequence + 1)


class _Producer:
    """What is known of one producer in one topic; `known` None: the topic must be read first."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.known: SequenceSet | None = None


def engine_topics(cluster_name: str) -> frozenset[str]:
    """The topics that belong to the engine: nobody else writes to them."""
    return frozenset(f"{cluster_name}.{name}" for name in _ENGINE_TOPICS)


def choose_partition(record: ProducedRecord, sequence: int, partitions: int) -> int:
    """The named one; else that of the key, as Java's clients choose it; else runs of records take turns."""
    if record.partition is not None:
        return record.partition
    if record.record.key is not None:
        return partition_of(murmur2(record.record.key) & 0x7FFFFFFF, partitions)
    return sequence // STICKY_RECORDS % partitions


class TopicProducers:
    """Everything that producers send to the topics of one log."""

    def __init__(self, log: Log, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self._producers: OrderedDict[tuple[str, str], _Producer] = OrderedDict()
        self._scans = asyncio.Semaphore(SCANS_AT_ONCE)

    async def produce(
        self, topic: str, producer_id: str, first_sequence: int, records: Sequence[ProducedRecord]
    ) -> Produced:
        """Appends those of the records that are not in the topic yet; all are durable when it returns.

        Raises `BadProducer`, `MalformedUlid`, `UnknownTopic` (also for a partition that is not there), and `LogError`
        where the fate of some is unknown: the same request may be made again.
        """
        info = await self._log.topic(topic)
        for record in records:
            if record.partition is not None and not 0 <= record.partition < info.partitions:
                raise UnknownTopic(f"topic '{topic}' has no partition {record.partition}, only {info.partitions}")
        producer = self._producer(info.id, producer_id)
        async with producer.lock:
            if producer.known is None:
                timed = any(record.record.timestamp_ms is not None for record in records)
                producer.known = await self._scan(topic, info.partitions, producer_id, whole=timed)
            known = producer.known
            if known.ranges > RANGES_REMEMBERED:
                raise BadProducer(f"the numbers of producer {producer_id} have too many gaps: count from 0 on")
            missing = [
                (sequence, record) for sequence, record in enumerate(records, first_sequence) if sequence not in known
            ]
            try:
                await self._append(topic, info.partitions, producer_id, missing)
            except BaseException:
                producer.known = None
                raise
            for sequence, _ in missing:
                known.add(sequence)
            return Produced(len(missing), len(records) - len(missing))

    def _producer(self, topic_id: str, producer_id: str) -> _Producer:
        key = (topic_id, producer_id)
        producer = self._producers.get(key)
        if producer is None:
            producer = self._producers[key] = _Producer()
            self._forget_silent()
        self._producers.move_to_end(key)
        return producer

    def _forget_silent(self) -> None:
        excess = len(self._producers) - PRODUCERS_REMEMBERED
        for key in list(islice(self._producers, max(0, excess))):
            if not self._producers[key].lock.locked():
                del self._producers[key]

    async def _append(
        self, topic: str, partitions: int, producer_id: str, missing: Sequence[tuple[int, ProducedRecord]]
    ) -> None:
        batches: dict[int, list[NewRecord]] = {}
        for sequence, produced in missing:
            record = produced.record
            marks = ((PRODUCER_HEADER, producer_id.encode()), (SEQUENCE_HEADER, b"%d" % sequence))
            marked = NewRecord(record.value, record.key, record.headers + marks, record.timestamp_ms)
            batches.setdefault(choose_partition(produced, sequence, partitions), []).append(marked)
        results = await asyncio.gather(
            *(self._log.append(topic, partition, batch) for partition, batch in batches.items()),
            return_exceptions=True,
        )
        for result in results:
            if isinstance(result, BaseException):
                raise result

    # --- what is there already ---

    async def _scan(self, topic: str, partitions: int, producer_id: str, whole: bool) -> SequenceSet:
        """What a producer has in a topic. `whole`: its records carry times of their own, so time finds nothing."""
        born_ms = ulid_time_ms(producer_id)
        ahead_ms = born_ms - self._clock.now_ms()
        if ahead_ms > CLOCK_TOLERANCE_MS // 2:
            raise BadProducer(f"producer {producer_id} was born {ahead_ms} ms in the future: set its clock right")
        known = SequenceSet()
        mark = producer_id.encode()
        async with self._scans:
            for partition in range(partitions):
                if whole:
                    start = await self._log.begin_offset(topic, partition)
                else:
                    start = await self._log.offset_for_time(topic, partition, born_ms - CLOCK_TOLERANCE_MS)
                await self._scan_partition(topic, partition, start, mark, known)
        return known

    async def _scan_partition(self, topic: str, partition: int, start: int, mark: bytes, known: SequenceSet) -> None:
        end = await self._log.end_offset(topic, partition)
        empty_reads = 0
        while start < end and empty_reads < SCAN_EMPTY_READS:
            reader = await self._log.reader(topic, partition, start)
            try:
                while start < end:
                    records = await reader.read(SCAN_RECORDS, SCAN_WAIT_MS)
                    if not records:
                        empty_reads += 1
                        await self._log.end_offset(topic, partition)
                        break
                    start = records[-1].offset + 1
                    for record in records:
                        _note(record, mark, known)
            except OffsetOutOfRange:
                start = max(start, await self._log.begin_offset(topic, partition))
            finally:
                await reader.close()


def _note(record: Record, mark: bytes, known: SequenceSet) -> None:
    sequence = None
    ours = False
    for name, value in record.headers:
        if name == SEQUENCE_HEADER and value.isdigit():
            sequence = int(value)
        elif name == PRODUCER_HEADER:
            ours = value == mark
    if ours and sequence is not None:
        known.add(sequence)
