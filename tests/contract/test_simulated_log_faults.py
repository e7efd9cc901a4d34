"""The simulated log's faults: each of them happens, and what the port promises holds all the same."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable

import pytest

from odradek_engine.log.port import Cleanup, LogError, OffsetOutOfRange, TopicSpec
from odradek_engine.log.simulated import SimulatedLog
from odradek_engine.log.simulated_cluster import Faults, SimulatedCluster

TOPIC = "journal"
FAULTS = Faults(slow=0.02, error=0.01, doubled=0.01)


class VirtualTime:
    """A scheduler whose time passes only as callbacks fall due."""

    def __init__(self) -> None:
        self._now = 0.0
        self._count = itertools.count()
        self._due: list[tuple[float, int, Callable[[], object]]] = []

    def time(self) -> float:
        return self._now

    def call_later(self, delay: float, callback: Callable[[], object], /) -> None:
        heapq.heappush(self._due, (self._now + delay, next(self._count), callback))

    def run(self, until: float = float("inf")) -> None:
        while self._due and self._due[0][0] <= until:
            self._now, _, callback = heapq.heappop(self._due)
            callback()


class Appender:
    """Keeps some records under way; begins anew with a fresh writer when one fails."""

    def __init__(self, log: SimulatedLog, name: bytes, count: int) -> None:
        self.acknowledged_at: dict[int, bytes] = {}
        self.failures = 0
        self._log = log
        self._name = name
        self._left = count
        self._under_way: list[bytes] = []
        self._begin()

    def acknowledged(self, offset: int) -> None:
        self.acknowledged_at[offset] = self._under_way.pop(0)
        self._fill()

    def failed(self, error: LogError) -> None:
        self.failures += 1
        self._begin()

    def _begin(self) -> None:
        self._under_way.clear()
        self._writer = self._log.journal_writer(TOPIC, 0, self)
        self._fill()

    def _fill(self) -> None:
        while self._left and len(self._under_way) < 5:
            self._left -= 1
            self._under_way.append(b"%s%d" % (self._name, self._left))
            self._writer.append(self._under_way[-1])


def simulated(seed: int, faults: Faults = FAULTS) -> tuple[SimulatedCluster, VirtualTime]:
    clock = VirtualTime()
    cluster = SimulatedCluster(seed, clock, faults)
    cluster.create(TopicSpec(TOPIC, 1, Cleanup.NEVER_BY_TIME))
    return cluster, clock


def written(cluster: SimulatedCluster) -> dict[int, bytes | None]:
    return {record.offset: record.value for record in cluster.partitions[TOPIC, 0].read(0, 1_000_000)}


@pytest.mark.parametrize("seed", range(20))
def test_whatever_happens_acknowledged_records_are_there_in_order(seed: int) -> None:
    cluster, clock = simulated(seed)
    appenders = [Appender(SimulatedLog(cluster), name, 300) for name in (b"a", b"b")]
    clock.run()
    records = written(cluster)
    assert sorted(records) == list(range(len(records)))
    for appender in appenders:
        offsets = list(appender.acknowledged_at)
        assert offsets == sorted(offsets)
        assert appender.acknowledged_at.items() <= records.items()


def test_every_kind_of_fault_happens() -> None:
    in_doubt_but_written = lost = doubled = overtaken = 0
    for seed in range(20):
        cluster, clock = simulated(seed)
        appender = Appender(SimulatedLog(cluster), b"a", 300)
        clock.run()
        values = list(written(cluster).values())
        acknowledged = set(appender.acknowledged_at.values())
        in_doubt = {b"a%d" % i for i in range(300)} - acknowledged
        in_doubt_but_written += len(in_doubt & set(values))
        lost += len(in_doubt - set(values))
        doubled += len(values) - len(set(values))
        first_places = [int(value[1:]) for value in dict.fromkeys(value for value in values if value)]
        overtaken += first_places != sorted(first_places, reverse=True)
        assert appender.failures > 0 or not in_doubt
    assert min(in_doubt_but_written, lost, doubled, overtaken) > 0


def test_a_crashed_nodes_records_may_come_after_its_successors() -> None:
    late = nothing_told = 0
    for seed in range(30):
        cluster, clock = simulated(seed, Faults(written_in_spite=0.5))
        zombie_log = SimulatedLog(cluster)
        zombie = Appender(zombie_log, b"z", 100)
        clock.run(until=0.01)
        zombie_log.crash()
        told = len(zombie.acknowledged_at)
        successor = Appender(SimulatedLog(cluster), b"s", 20)
        clock.run()
        nothing_told += len(zombie.acknowledged_at) == told and zombie.failures == 0
        offsets = {value: offset for offset, value in written(cluster).items()}
        first_of_successor = next(iter(successor.acknowledged_at))
        late += any(offset > first_of_successor for value, offset in offsets.items() if value and value[:1] == b"z")
    assert nothing_told == 30
    assert late > 0


def test_the_same_seed_gives_the_same_run() -> None:
    runs = []
    for _ in range(2):
        cluster, clock = simulated(7)
        appender = Appender(SimulatedLog(cluster), b"a", 500)
        clock.run()
        runs.append((written(cluster), appender.acknowledged_at, clock.time()))
    assert runs[0] == runs[1]


def test_a_lost_tail_and_a_topic_made_anew_can_be_told() -> None:
    cluster, clock = simulated(3, Faults())
    Appender(SimulatedLog(cluster), b"a", 50)
    clock.run()
    partition = cluster.partitions[TOPIC, 0]
    partition.lose_tail(40)
    assert sorted(written(cluster)) == list(range(40))
    with pytest.raises(OffsetOutOfRange):
        partition.check(50)
    spec, identity = cluster.topics[TOPIC]
    cluster.create(spec)
    assert cluster.topics[TOPIC][1] != identity
    assert written(cluster) == {}
