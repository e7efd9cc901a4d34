"""Every source record is taken once, in order per target, none skipped: whatever is lost, late or refused."""

from __future__ import annotations

from collections import deque

from connector_fakes import PARTITIONS, Targets, handler, subscription
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from odradek_connectors.record_commands import RecordCommands
from odradek_connectors.window import Slot, Window, WindowLimits
from odradek_engine.log.port import Record
from odradek_engine.model.commands import Ingest
from odradek_engine.model.outcomes import Refused
from odradek_engine.partition.routing import partition_of_invocation

KEYS = [b"a", b"b", b"c", b"d", b"e", None]
WHICH = st.sampled_from([0, 0, 0, 1, 2])
LIMITS = WindowLimits(records=8, bytes=1_000_000)


class Owner:
    """One reader of the source partition: its window, and a first-in-first-out way to each target partition."""

    def __init__(self, start: int) -> None:
        self.window = Window(start, self, LIMITS)
        self.ways: dict[int, deque[tuple[Ingest, Slot]]] = {target: deque() for target in range(PARTITIONS)}
        self.answers = 0
        self.behind = 0

    def answered(self) -> None:
        self.answers += 1

    def moved(self, count: int) -> None:
        self.behind += count

    def broken(self, record: Record, refused: Refused) -> None:
        assert self.window.is_broken


class SourcePartition(RuleBasedStateMachine):
    """Owners come and go; an older one may go on for a while, and what it sent may arrive late."""

    def __init__(self) -> None:
        super().__init__()
        self.source: list[Record] = []
        self.next_offset = 0
        self.targets = Targets()
        self.commands = RecordCommands(subscription("t1"), 0, PARTITIONS)
        self.committed = 0
        self.owners = [Owner(0)]

    @property
    def owner(self) -> Owner:
        return self.owners[-1]

    def one_of_the_last(self, which: int) -> Owner:
        return self.owners[-1 - which % len(self.owners)]

    @rule(keys=st.lists(st.sampled_from(KEYS), min_size=1, max_size=6), skipped=st.sampled_from([0, 0, 0, 1, 5]))
    def produce(self, keys: list[bytes | None], skipped: int) -> None:
        self.next_offset += skipped  # control records and compaction leave holes
        for key in keys:
            self.source.append(Record(self.next_offset, 1, key, b"value"))
            self.next_offset += 1

    @rule(which=WHICH, read=st.integers(0, 8), send=st.integers(0, 8))
    def read_and_send(self, which: int, read: int, send: int) -> None:
        owner = self.one_of_the_last(which)
        window = owner.window
        there = [record for record in self.source if record.offset >= window.position]
        window.add(there[: min(read, window.room)])
        for _ in range(send):
            slot = window.next_unsent
            if slot is None or window.is_broken:
                return
            target, command = self.commands.ingest(slot.record, handler(), 0, window.last_sent)
            assert target == partition_of_invocation(command.invocation.id, PARTITIONS)
            owner.ways[target].append((command, slot))
            window.sent(target)

    @rule(which=WHICH, at=st.integers(0, PARTITIONS - 1), count=st.integers(1, 4))
    def arrive(self, which: int, at: int, count: int) -> None:
        way = self.one_of_the_last(which).ways[at]
        for _ in range(min(count, len(way))):
            command, slot = way.popleft()
            slot(self.targets.decide(command))

    @rule(which=WHICH, position=st.integers(0, 7))
    def refuse_one(self, which: int, position: int) -> None:
        """The engine cannot take one record now; what follows in its chain meets a gap."""
        way = max(self.one_of_the_last(which).ways.values(), key=len)
        if way:
            _, slot = way[position % len(way)]
            del way[position % len(way)]
            slot(Refused(503, "not now"))

    @rule(which=WHICH)
    def begin_again(self, which: int) -> None:
        owner = self.one_of_the_last(which)
        if owner.window.is_broken:
            owner.window.begin_again()

    @rule(which=WHICH)
    def commit(self, which: int) -> None:
        self.committed = max(self.committed, self.one_of_the_last(which).window.committable)

    @rule(end=st.sampled_from(["crash", "loss", "clean stop"]))
    def restart(self, end: str) -> None:
        """A new owner begins at what was committed; what the old one sent is still under way, unless it is lost."""
        if end == "loss":
            self.owner.ways = {target: deque() for target in range(PARTITIONS)}
        elif end == "clean stop":
            self.owner.window.drop_unsent()
            self.commit(0)
        self.owners.append(Owner(self.committed))

    @invariant()
    def none_is_skipped_and_none_taken_twice(self) -> None:
        taken = [command.source.offset for command in self.targets.taken]
        assert len(set(taken)) == len(taken)
        by_target: dict[int, list[int]] = {target: [] for target in range(PARTITIONS)}
        for command in self.targets.taken:
            target = partition_of_invocation(command.invocation.id, PARTITIONS)
            by_target[target].append(command.source.offset)
        for target, offsets in by_target.items():
            assert offsets == self._all_of(target)[: len(offsets)]

    @invariant()
    def what_is_committable_is_taken(self) -> None:
        taken = {command.source.offset for command in self.targets.taken}
        bound = max(self.committed, *(owner.window.committable for owner in self.owners))
        assert all(record.offset in taken for record in self.source if record.offset < bound)

    @invariant()
    def the_window_is_bounded(self) -> None:
        assert 0 <= self.owner.window.room <= LIMITS.records

    def teardown(self) -> None:
        """Left alone, the last owner brings everything in."""
        for _ in range(10 * (len(self.source) + 1)):
            if self.owner.window.is_broken:
                self.owner.window.begin_again()
            self.read_and_send(0, 8, 8)
            for target in range(PARTITIONS):
                self.arrive(0, target, 8)
        assert sorted(command.source.offset for command in self.targets.taken) == [r.offset for r in self.source]
        assert self.owner.window.committable == self.owner.window.position

    def _all_of(self, target: int) -> list[int]:
        found = []
        for record in self.source:
            _, command = self.commands.ingest(record, handler(), 0, {})
            if partition_of_invocation(command.invocation.id, PARTITIONS) == target:
                found.append(record.offset)
        return found


TestSourcePartition = SourcePartition.TestCase
TestSourcePartition.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
