"""When acknowledged rows are written, and when partitions take their turns."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

import pytest

from machine_world import World, add, service
from odradek.protocol.messages import SetStateCommand
from odradek_engine.partition.overlay import Pending
from odradek_engine.replica import flusher as flushing
from odradek_engine.replica.flusher import Flusher
from odradek_engine.replica.position import Position, read_position
from odradek_engine.replica.rounds import Rounds
from odradek_engine.store.memory import MemoryStore
from odradek_engine.store.port import Change, StoreError
from until import until


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


def fail(error: StoreError) -> None:
    raise AssertionError from error


class NotedStore(MemoryStore):
    """Notes its batches; fails when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[list[Change]] = []
        self.broken = False

    def write(self, changes: Sequence[Change]) -> None:
        if self.broken:
            raise StoreError("the disk is full")
        self.batches.append(list(changes))
        super().write(changes)


class Flushed:
    """A partition that has something to write."""

    def __init__(self, partition: int, store: MemoryStore) -> None:
        self.partition = partition
        self.world = World(partition)
        self.world.store = store
        self.world.open_tables()
        self.pending: Pending = self.world.pending
        self.offset = 0
        self.stored_offset = -1

    def work(self) -> None:
        """A record of one new invocation is acknowledged."""
        self.world.say(self.world.invoke(add()), SetStateCommand(b"n", b"1"))
        self.world.acknowledge()
        self.offset += 1

    def position(self) -> Position:
        return Position(1, self.offset, self.offset, b"a", 1, self.offset, 0, "c", "t", 1)

    def stored(self, position: Position) -> None:
        self.stored_offset = position.offset


class TestFlusher:
    def test_a_batch_holds_all_partitions_each_with_its_position(self) -> None:
        async def test() -> None:
            store = NotedStore()
            flusher = Flusher(store, 0.001, fail)
            partitions = [Flushed(number, store) for number in range(2)]
            for partition in partitions:
                partition.work()
                flusher.add(partition)
            partitions[0].work()
            flusher.add(partitions[0])
            assert store.batches == []
            await until(lambda: store.batches)
            assert len(store.batches) == 1
            for partition in partitions:
                position = read_position(store, partition.partition)
                assert position is not None
                assert position.offset == partition.offset == partition.stored_offset
                assert len(partition.pending) == 0
                prefix = partition.partition.to_bytes(2, "big")
                assert list(store.scan("state", prefix, prefix + b"\xff"))

        run(test())

    def test_many_rows_do_not_wait(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def test() -> None:
            store = NotedStore()
            flusher = Flusher(store, 3600, fail)
            partition = Flushed(0, store)
            partition.work()
            rows = len(partition.pending)
            monkeypatch.setattr(flushing, "FLUSH_ROWS_MAX", rows + 1)
            flusher.add(partition)
            assert store.batches == []
            monkeypatch.setattr(flushing, "FLUSH_ROWS_MAX", rows)
            flusher.add(partition)
            assert len(store.batches) == 1
            flusher.flush()
            assert len(store.batches) == 1

        run(test())

    def test_after_a_failure_nothing_more_is_written(self) -> None:
        async def test() -> None:
            store, failures = NotedStore(), list[StoreError]()
            flusher = Flusher(store, 3600, failures.append)
            partition = Flushed(0, store)
            partition.work()
            flusher.add(partition)
            store.broken = True
            flusher.flush()
            store.broken = False
            partition.work()
            flusher.add(partition)
            flusher.flush()
            assert len(failures) == 1
            assert store.batches == []
            assert partition.stored_offset == -1

        run(test())

    def test_closing_writes_what_waits_and_nothing_after(self) -> None:
        async def test() -> None:
            store = NotedStore()
            flusher = Flusher(store, 3600, fail)
            partition = Flushed(0, store)
            for _ in range(2):
                partition.work()
                flusher.add(partition)
                flusher.close()
            assert partition.stored_offset == 1
            assert len(store.batches) == 1

        run(test())

    def test_rows_in_memory_are_those_of_the_store_afterwards(self) -> None:
        async def test() -> None:
            store = NotedStore()
            flusher = Flusher(store, 3600, fail)
            partition = Flushed(0, store)
            partition.work()
            partition.world.invoke(service())  # not acknowledged
            before = partition.world.rows()
            flusher.add(partition)
            flusher.flush()
            assert partition.world.rows() == before

        run(test())


class Taker:
    """A partition that notes its turns and has a record under way after each."""

    def __init__(self, rounds: Rounds, turns: list[Taker]) -> None:
        self._rounds = rounds
        self._turns = turns

    def take_turn(self) -> None:
        self._turns.append(self)
        self._rounds.record_sent()


class TestRounds:
    async def passes(self) -> None:
        for _ in range(3):
            await asyncio.sleep(0)

    @pytest.mark.parametrize("limit", [None, 1])
    def test_all_that_have_something_to_do_take_one_turn_per_pass(self, limit: int | None) -> None:
        async def test() -> None:
            rounds, turns = Rounds(asyncio.get_running_loop(), limit), list[Taker]()
            takers = [Taker(rounds, turns) for _ in range(3)]
            for taker in (*takers, *takers):
                rounds.mark(taker)
            assert turns == []
            await self.passes()
            assert turns == takers

        run(test())

    def test_with_a_limit_the_next_round_waits_for_the_last_record(self) -> None:
        async def test() -> None:
            rounds, turns = Rounds(asyncio.get_running_loop(), 1), list[Taker]()
            takers = [Taker(rounds, turns) for _ in range(2)]
            for taker in takers:
                rounds.mark(taker)
            await self.passes()
            rounds.mark(takers[0])
            for settled, count in ((0, 2), (1, 2), (1, 3)):
                rounds.records_settled(settled)
                await self.passes()
                assert len(turns) == count

        run(test())

    def test_without_a_limit_nobody_waits(self) -> None:
        async def test() -> None:
            rounds, turns = Rounds(asyncio.get_running_loop(), None), list[Taker]()
            taker = Taker(rounds, turns)
            for count in (1, 2, 3):
                rounds.mark(taker)
                await self.passes()
                assert len(turns) == count

        run(test())
