"""What a partition makes of the journal that it finds: void records, lost tails, journals that are not its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
import pytest
from partition_node import HandLog, PartitionNode

from machine_world import INPUT, NOW, service
from odradek_engine.log.port import OffsetOutOfRange
from odradek_engine.model import commands as c
from odradek_engine.model import outcomes as o
from odradek_engine.model.events import InvocationCreated, StatusChanged
from odradek_engine.model.rows import Phase, Status
from odradek_engine.replica import candidacy
from odradek_engine.replica.announcement import announcement_record
from odradek_engine.replica.position import read_position
from odradek_engine.replica.record import FORMAT, JournalRecord, encode_part, encode_record
from odradek_engine.replica.recovery import Deposed, PartitionHalted
from odradek_engine.store.memory import MemoryStore
from until import until


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


async def used(count: int = 3) -> tuple[HandLog, MemoryStore, list[bytes]]:
    """A log and a store that a node has left behind, and its invocations."""
    node = PartitionNode(HandLog(), batch=1)
    await node.lead()
    invocations = [node.world.invocation(service()) for _ in range(count)]
    for invocation in invocations:
        await node.ask(c.Invoke(invocation, INPUT))
    await node.processor.stop()
    return node.log, node.store, [one.id for one in invocations]


class TestVoidRecords:
    def stray(self, node: PartitionNode, announcement: bytes, epoch: int, index: int) -> tuple[bytes, bytes]:
        """A record that creates an invocation, and that one's id."""
        invocation = node.world.invocation(service())
        event = InvocationCreated(invocation, Status(Phase.INVOKED, NOW, 1), (INPUT,))
        part = msgspec.Raw(encode_part([event]))
        return encode_record(JournalRecord(FORMAT, announcement, epoch, index, NOW, 0, (part,))), invocation.id

    @pytest.mark.parametrize("keep_store", [True, False])
    def test_what_a_zombie_wrote_changes_nothing(self, keep_store: bool) -> None:
        async def test() -> None:
            log, store, known = await used()
            first = log.records()[0].announcement
            again = PartitionNode(log, store, seed=2)
            await again.lead()
            second = log.records()[-1].announcement
            await again.processor.stop()
            strays = [
                self.stray(again, first, 1, 4),  # what the first leader had under way when it was succeeded
                self.stray(again, second, 2, 2),  # behind a record that was lost
                self.stray(again, b"x" * 16, 2, 1),
            ]
            for value, _ in strays:
                log.put(value)
            third = PartitionNode(log, store if keep_store else MemoryStore(), seed=3)
            await third.lead()
            for _, invocation in strays:
                assert await third.ask(c.ReadOutput(invocation)) == o.NotFound(invocation)
            for invocation in known:
                assert await third.ask(c.ReadOutput(invocation)) == o.NotCompleted(invocation)

        run(test())

    def test_they_are_not_looked_at_again(self) -> None:
        async def test() -> None:
            log, store, _ = await used()
            announcement = log.records()[0].announcement
            again = PartitionNode(log, store, seed=2)
            await again.lead()
            await again.processor.stop()
            value, _ = self.stray(again, announcement, 1, 4)
            log.put(value)
            end = len(log.values)
            third = PartitionNode(log, store, seed=3, flush_interval=3600)
            log.held = True
            task = asyncio.create_task(third.lead())
            await asyncio.sleep(0.01)
            third.flusher.flush()
            position = read_position(store, 0)
            assert position is not None
            assert (position.offset, position.void_offset) == (end - 2, end - 1)
            log.writer.acknowledge()
            await task

        run(test())


Damage = Callable[[HandLog, MemoryStore], None]


def lose_tail(log: HandLog, _store: MemoryStore) -> None:
    del log.values[-1]


def lose_everything(log: HandLog, _store: MemoryStore) -> None:
    log.values.clear()


def replace_the_last(log: HandLog, _store: MemoryStore) -> None:
    log.values[-1] = announcement_record(b"x" * 16, 7, NOW, "other", "c1", 1)


def spoil_the_last(log: HandLog, _store: MemoryStore) -> None:
    log.values[-1] = b"\xc1"


def add_garbage(log: HandLog, _store: MemoryStore) -> None:
    log.put(b"\xc1")


def add_nothing(log: HandLog, _store: MemoryStore) -> None:
    log.put(b"")


def add_newer_format(log: HandLog, _store: MemoryStore) -> None:
    log.put(msgspec.msgpack.encode([FORMAT + 1]))


def delete_too_much(log: HandLog, _store: MemoryStore) -> None:
    log.values += log.values
    log.begin = 5


def lose_tables(log: HandLog, store: MemoryStore) -> None:
    log.begin = 1
    store.write([(table, key, None) for table in ("positions",) for key, _ in list(store.scan(table, b"", None))])


def add_foreign_announcement(log: HandLog, _store: MemoryStore) -> None:
    log.put(announcement_record(b"x" * 16, 2, NOW, "other", "another cluster", 1))


def add_announcement_of_another_size(log: HandLog, _store: MemoryStore) -> None:
    log.put(announcement_record(b"x" * 16, 2, NOW, "other", "c1", 2))


def spoil_events(log: HandLog, _store: MemoryStore) -> None:
    part = msgspec.Raw(msgspec.msgpack.encode([["NoSuchEvent"]]))
    last = log.records()[-1]
    log.put(encode_record(JournalRecord(FORMAT, last.announcement, last.epoch, last.index + 1, NOW, 0, (part,))))


def add_announcement_of_nothing(log: HandLog, _store: MemoryStore) -> None:
    log.put(encode_record(JournalRecord(FORMAT, b"x" * 16, 2, 0, NOW, 0, ())))


def add_announcement_that_is_none(log: HandLog, _store: MemoryStore) -> None:
    part = msgspec.Raw(encode_part([StatusChanged(bytes(24), Status(Phase.INVOKED, NOW))]))
    log.put(encode_record(JournalRecord(FORMAT, b"x" * 16, 2, 0, NOW, 0, (part,))))


class TestLoudness:
    @pytest.mark.parametrize(
        ("damage", "text"),
        [
            (lose_tail, "records that were acknowledged are gone"),
            (lose_everything, "records that were acknowledged are gone"),
            (replace_the_last, "records that were acknowledged were replaced"),
            (spoil_the_last, "offset 3 is no journal record"),
            (add_garbage, "offset 4 is no journal record"),
            (add_nothing, "offset 4 is no journal record"),
            (add_newer_format, "upgrade this node"),
            (delete_too_much, "records that were acknowledged are gone"),
            (lose_tables, "put the data directory"),
            (add_foreign_announcement, "announced for cluster another cluster"),
            (add_announcement_of_another_size, "with 2 partitions"),
            (add_announcement_that_is_none, "an announcement was expected"),
            (add_announcement_of_nothing, "an announcement was expected"),
            (spoil_events, "offset 4 is no journal record"),
        ],
    )
    def test_damage_stops_the_partition(self, damage: Damage, text: str) -> None:
        async def test() -> None:
            log, store, _ = await used()
            damage(log, store)
            again = PartitionNode(log, store, seed=2)
            with pytest.raises(PartitionHalted, match=text):
                await again.lead()
            assert not again.processor.leading
            assert len(log.writers) == 1

        run(test())

    @pytest.mark.parametrize("other", [{"topic_id": "t2"}, {"cluster_id": "c2"}, {"partitions": 2}])
    def test_tables_of_another_journal_stop_it(self, other: dict[str, Any]) -> None:
        async def test() -> None:
            log, store, _ = await used()
            again = PartitionNode(log, store, seed=2, **other)
            with pytest.raises(PartitionHalted, match="belong to another journal"):
                await again.lead()

        run(test())

    def test_a_journal_that_begins_right_behind_the_tables_is_enough(self) -> None:
        async def test() -> None:
            log, store, known = await used()
            log.begin = len(log.values)
            again = PartitionNode(log, store, seed=2)
            await again.lead()
            assert await again.ask(c.ReadOutput(known[0])) == o.NotCompleted(known[0])

        run(test())

    def test_void_records_that_are_gone_stop_it_too(self) -> None:
        async def test() -> None:
            log, store, _ = await used()
            log.put(encode_record(JournalRecord(FORMAT, b"x" * 16, 1, 9, NOW, 0, ())))
            log.held = True
            task = asyncio.create_task(PartitionNode(log, store, seed=2).lead())
            await until(lambda: read_position(store, 0).void_offset == 4)  # type: ignore[union-attr]
            task.cancel()
            del log.values[4:]
            with pytest.raises(PartitionHalted, match="are gone"):
                await PartitionNode(log, store, seed=3).lead()

        run(test())

    def test_a_record_that_is_replaced_while_the_announcement_is_under_way_stops_it(self) -> None:
        async def test() -> None:
            log, _, _ = await used()
            log.held = True
            task = asyncio.create_task(PartitionNode(log, seed=2).lead())
            await until(lambda: len(log.writers) == 2 and log.writer.under_way)
            replace_the_last(log, MemoryStore())
            log.writer.acknowledge()
            with pytest.raises(PartitionHalted, match="were replaced"):
                await task

        run(test())

    def test_a_journal_that_is_cut_off_while_it_is_read_stops_it(self) -> None:
        async def test() -> None:
            log, _, _ = await used()
            log.trouble = [OffsetOutOfRange("deleted meanwhile")]
            with pytest.raises(PartitionHalted, match="cannot be read from offset 0"):
                await PartitionNode(log, seed=2).lead()

        run(test())


class TestOtherNodes:
    def test_one_that_is_alive_is_left_alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def test() -> None:
            log, _, _ = await used()
            log.single_process = False
            monkeypatch.setattr(candidacy, "ALIVE_MS", 40)
            again = PartitionNode(log, seed=2)
            task = asyncio.create_task(again.lead())
            await asyncio.sleep(0)
            last = log.records()[-1]
            log.put(encode_record(JournalRecord(FORMAT, last.announcement, 1, last.index + 1, NOW, 0, ())))
            with pytest.raises(Deposed, match="another node"):
                await task
            assert len(log.writers) == 1

        run(test())

    @pytest.mark.parametrize("age_ms", [0, 40])
    def test_one_that_fell_silent_is_succeeded(self, age_ms: int, monkeypatch: pytest.MonkeyPatch) -> None:
        async def test() -> None:
            log, _, known = await used()
            log.single_process = False
            monkeypatch.setattr(candidacy, "ALIVE_MS", 40)
            again = PartitionNode(log, seed=2)
            again.clock.ms += age_ms
            await again.lead()
            assert await again.ask(c.ReadOutput(known[0])) == o.NotCompleted(known[0])

        run(test())

    def test_its_own_tail_is_nobody_else_s(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def test() -> None:
            log, store, _ = await used()
            log.single_process = False
            monkeypatch.setattr(candidacy, "ALIVE_MS", 3_600_000)
            await PartitionNode(log, store, seed=2).lead()

        run(test())
