"""The cluster behind simulated logs: what was written, and a seeded network that delays, doubles and loses.

Shared by all simulated logs of one simulation, one per node. No threads, no clock of its own: everything happens in
callbacks of the scheduler, so that the same seed gives the same run. Invariant: what was acknowledged is never lost,
whatever else happens (unless a test says so by `lose_tail`).
"""

from __future__ import annotations

import asyncio
import bisect
import random
from collections import deque
from collections.abc import Callable
from typing import Protocol

import msgspec

from odradek_engine.log.port import (
    Cleanup,
    JournalListener,
    LogUnavailable,
    NewRecord,
    OffsetOutOfRange,
    Record,
    TopicSpec,
)

EPOCH_MS = 1_750_000_000_000
"""The wall clock's time when the scheduler's is 0."""


class Scheduler(Protocol):
    """Time and callbacks; an event loop is one, a simulation's virtual clock another."""

    def time(self) -> float:
        """Seconds since some point."""

    def call_later(self, delay: float, callback: Callable[[], object], /) -> object:
        """Calls back after `delay` seconds; those of one moment in the order in which they were given."""


class Faults(msgspec.Struct, frozen=True):
    """What goes wrong, and how often. Probabilities are per append, delays are drawn evenly."""

    delay_ms: tuple[float, float] = (0.1, 2.0)
    """From an append to its place in the log, and from there to its acknowledgement."""
    slow: float = 0.0
    """An append that takes `slow_ms` instead."""
    slow_ms: tuple[float, float] = (50.0, 500.0)
    error: float = 0.0
    """An append whose fate is reported unknown, with all that its writer has under way."""
    written_in_spite: float = 0.5
    """Of the records in doubt: how many turn up in the log, up to `late_ms` later."""
    late_ms: tuple[float, float] = (0.0, 5_000.0)
    doubled: float = 0.0
    """A record that is written twice, the second time up to `late_ms` later."""


class SimulatedPartition:
    """The records of one partition."""

    def __init__(self, name: str, spec: TopicSpec) -> None:
        self.name = name
        self.spec = spec
        self.begin = 0
        self.end = 0
        self._records: list[Record] = []
        self.waiting: list[asyncio.Future[None]] = []

    def put(self, record: NewRecord, now_ms: int) -> int:
        """Writes a record; its offset."""
        given_ms = record.timestamp_ms
        timestamp_ms = now_ms if given_ms is None or self.spec.log_append_time else given_ms
        if self.spec.cleanup is Cleanup.COMPACTED:
            self._records = [other for other in self._records if other.key != record.key]
        self._records.append(Record(self.end, timestamp_ms, record.key, record.value, record.headers))
        self.end += 1
        self._wake()
        return self.end - 1

    @property
    def newest(self) -> Record:
        """The record that was written last."""
        return self._records[-1]

    def read(self, offset: int, max_records: int) -> list[Record]:
        """The records from an offset on."""
        self.check(offset)
        first = bisect.bisect_left(self._records, offset, key=_offset)
        return self._records[first : first + max_records]

    def check(self, offset: int) -> None:
        """Raises `OffsetOutOfRange` where no reader may stand."""
        if not self.begin <= offset <= self.end:
            raise OffsetOutOfRange(f"{self.name} holds offsets {self.begin} to {self.end}, asked for {offset}")

    def offset_for_time(self, timestamp_ms: int) -> int:
        """The first offset that young, or the end."""
        return next((record.offset for record in self._records if record.timestamp_ms >= timestamp_ms), self.end)

    def delete_before(self, offset: int) -> None:
        """Removes the records before an offset."""
        if offset > self.end:
            raise OffsetOutOfRange(f"{self.name} ends at {self.end}, asked to delete before {offset}")
        self.begin = max(self.begin, offset)
        del self._records[: bisect.bisect_left(self._records, self.begin, key=_offset)]

    def lose_tail(self, end: int) -> None:
        """Forgets the records from `end` on, acknowledged or not, as an unclean election of a leader does."""
        del self._records[bisect.bisect_left(self._records, end, key=_offset) :]
        self.end = end

    def _wake(self) -> None:
        waiting, self.waiting = self.waiting, []
        for future in waiting:
            settle(future)


def settle(future: asyncio.Future[None]) -> None:
    """Ends a wait, unless it is over."""
    if not future.done():
        future.set_result(None)


class SimulatedCluster:
    """Topics, the seeded network before them, and the levers of a simulation."""

    def __init__(self, seed: int, scheduler: Scheduler, faults: Faults | None = None) -> None:
        self.random = random.Random(seed)
        self.scheduler = scheduler
        self.faults = Faults() if faults is None else faults
        self.id = f"simulated-{seed}"
        self.topics: dict[str, tuple[TopicSpec, str]] = {}
        self.partitions: dict[tuple[str, int], SimulatedPartition] = {}
        self.written: Callable[[SimulatedPartition, Record], None] = lambda _partition, _record: None
        """Called with each record when it is in the log."""

    def now_ms(self) -> int:
        """The wall clock."""
        return EPOCH_MS + int(self.scheduler.time() * 1000)

    def create(self, spec: TopicSpec) -> None:
        """Makes a topic, or makes it anew, empty and with another id."""
        self.topics[spec.name] = (spec, f"{self.random.getrandbits(64):016x}")
        for index in range(spec.partitions):
            self.partitions[spec.name, index] = SimulatedPartition(f"{spec.name}/{index}", spec)

    def put(self, partition: SimulatedPartition, record: NewRecord) -> int:
        """Writes a record; its offset."""
        offset = partition.put(record, self.now_ms())
        self.written(partition, partition.newest)
        return offset

    def delay(self) -> float:
        """Seconds that the next message takes."""
        slow = self.random.random() < self.faults.slow
        return self.random.uniform(*(self.faults.slow_ms if slow else self.faults.delay_ms)) / 1000

    def late(self) -> float:
        """Seconds until something that was given up turns up."""
        return self.random.uniform(*self.faults.late_ms) / 1000

    def happens(self, probability: float) -> bool:
        """Draws."""
        return self.random.random() < probability


class Sent:
    """A record on its way to a partition."""

    __slots__ = ("gone", "offset", "record")

    def __init__(self, record: NewRecord) -> None:
        self.record = record
        self.offset = -1
        self.gone = False


class Lane:
    """A way on which nothing overtakes, whichever of two callbacks of one moment the scheduler takes first."""

    def __init__(self) -> None:
        self._steps: deque[Callable[[], None]] = deque()
        self._arrives_at = 0.0

    def then(self, cluster: SimulatedCluster, step: Callable[[], None]) -> None:
        """Takes a step after a drawn delay, and after all earlier ones."""
        now = cluster.scheduler.time()
        self._arrives_at = max(self._arrives_at, now + cluster.delay())
        self._steps.append(step)
        cluster.scheduler.call_later(self._arrives_at - now, self._arrive)

    def _arrive(self) -> None:
        self._steps.popleft()()


class Channel:
    """Records under way to a partition that share their fate: in order, until something goes wrong.

    The listener hears of each acknowledgement or of one failure; after that, and after `abandon`, of nothing more.
    """

    def __init__(
        self, cluster: SimulatedCluster, partition: SimulatedPartition, lane: Lane, listener: JournalListener
    ) -> None:
        self._cluster = cluster
        self._partition = partition
        self._there = lane
        self._back = Lane()
        self._listener = listener
        self._under_way: deque[Sent] = deque()
        self._open = True

    def send(self, record: NewRecord) -> None:
        """Sends a record."""
        if not self._open:
            return
        sent = Sent(record)
        self._under_way.append(sent)
        self._there.then(self._cluster, lambda: self._arrive(sent))

    def abandon(self) -> None:
        """Nobody is told any more; what is under way turns up or does not."""
        self._doubt()

    def _arrive(self, sent: Sent) -> None:
        """Writes a record, or has its writer hear of an error."""
        if sent.gone:
            return
        if self._cluster.happens(self._cluster.faults.error):
            self._back.then(self._cluster, self._fail)
            return
        sent.offset = self._cluster.put(self._partition, sent.record)
        if self._cluster.happens(self._cluster.faults.doubled):
            self._write_late(sent.record)
        self._back.then(self._cluster, lambda: self._acknowledge(sent))

    def _acknowledge(self, sent: Sent) -> None:
        if self._open:
            self._under_way.popleft()
            self._listener.acknowledged(sent.offset)

    def _fail(self) -> None:
        if self._open:
            self._doubt()
            self._listener.failed(LogUnavailable(f"{self._partition.name}: a record's fate is unknown"))

    def _doubt(self) -> None:
        """Nothing more comes through here; each record that is not yet written is, some time, or never."""
        self._open = False
        for sent in self._under_way:
            if sent.offset < 0:
                sent.gone = True
                if self._cluster.happens(self._cluster.faults.written_in_spite):
                    self._write_late(sent.record)
        self._under_way.clear()

    def _write_late(self, record: NewRecord) -> None:
        cluster, partition = self._cluster, self._partition
        cluster.scheduler.call_later(cluster.late(), lambda: cluster.put(partition, record))


def _offset(record: Record) -> int:
    return record.offset
