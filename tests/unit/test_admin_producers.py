"""Producers' records get into a topic once: across restarts, lost answers, gaps and concurrent requests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from fakes_http import FakeClock
from hypothesis import given
from hypothesis import strategies as st

from odradek_engine.log.embedded import open_embedded_log
from odradek_engine.log.port import Log, LogUnavailable, NewRecord
from odradek_engine.topics import (
    PRODUCERS_REMEMBERED,
    RANGES_REMEMBERED,
    BadProducer,
    Produced,
    ProducedRecord,
    SequenceSet,
    TopicProducers,
    choose_partition,
)
from odradek_engine.ulid import MalformedUlid, make_ulid, ulid_time_ms

NOW_MS = time.time_ns() // 1_000_000
"""The log stamps records with the real time."""
PRODUCER = make_ulid(NOW_MS, b"producer-1")
OTHER = make_ulid(NOW_MS, b"producer-2")


class UnsureLog:
    """A log whose appends may fail, before or after they took effect."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.fate: Callable[[], str] = lambda: "fine"
        self.scans = 0
        self.appending = 0
        self.most_appending = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    async def offset_for_time(self, topic: str, partition: int, timestamp_ms: int) -> int:
        self.scans += 1
        return await self._log.offset_for_time(topic, partition, timestamp_ms)

    async def append(self, topic: str, partition: int, records: Sequence[NewRecord]) -> Sequence[int]:
        fate = self.fate()
        self.appending += 1
        self.most_appending = max(self.appending, self.most_appending)
        try:
            if fate != "lost":
                offsets = await self._log.append(topic, partition, records)
            if fate != "fine":
                raise LogUnavailable("the answer did not come")
            return offsets
        finally:
            self.appending -= 1

    async def values(self, partitions: int = 2) -> list[bytes | None]:
        found: list[bytes | None] = []
        for partition in range(partitions):
            reader = await self._log.reader("t", partition, await self._log.begin_offset("t", partition))
            found += [record.value for record in await reader.read(100_000, 0)]
            await reader.close()
        return found


def on_log(directory: Path, scenario: Callable[[UnsureLog], Awaitable[None]]) -> None:
    async def run() -> None:
        log = await open_embedded_log(directory / "log")
        await log.create_topic("t", 2)
        try:
            await scenario(UnsureLog(log))
        finally:
            await log.close()

    asyncio.run(run())


def producers(log: Any, now_ms: int = NOW_MS) -> TopicProducers:
    clock = FakeClock()
    clock.now = now_ms
    return TopicProducers(log, clock)


def numbered(first: int, count: int, timestamp_ms: int | None = None) -> list[ProducedRecord]:
    """Records whose value is their sequence number."""
    return [
        ProducedRecord(NewRecord(b"%d" % number, b"k%d" % number, timestamp_ms=timestamp_ms))
        for number in range(first, first + count)
    ]


def test_records_without_a_key_come_in_runs() -> None:
    keyless = ProducedRecord(NewRecord(b"v"))
    assert {choose_partition(keyless, sequence, 4) for sequence in range(1000)} == {0}
    assert choose_partition(keyless, 1000, 4) == 1
    assert {choose_partition(keyless, sequence, 4) for sequence in range(4000)} == {0, 1, 2, 3}
    assert choose_partition(ProducedRecord(NewRecord(b"v", b"key"), partition=3), 0, 4) == 3


@given(st.lists(st.integers(0, 60)))
def test_a_sequence_set_is_a_set(sequences: list[int]) -> None:
    known = SequenceSet()
    for sequence in sequences:
        known.add(sequence)
    model = set(sequences)
    assert [sequence in known for sequence in range(62)] == [sequence in model for sequence in range(62)]
    assert known.ranges == sum(sequence - 1 not in model for sequence in model)


@given(st.integers(0, 2**48 - 1), st.binary(min_size=10, max_size=10))
def test_ulids_carry_their_time(time_ms: int, random: bytes) -> None:
    text = make_ulid(time_ms, random)
    assert len(text) == 26
    assert ulid_time_ms(text) == ulid_time_ms(text.lower()) == time_ms
    assert make_ulid(time_ms + 1, random) > text


@pytest.mark.parametrize("text", ["", "x", "8" + "0" * 25, "0" * 25, "0" * 27, "0" * 25 + "U", "0" * 25 + "ß"])
def test_what_is_no_ulid(text: str) -> None:
    with pytest.raises(MalformedUlid):
        ulid_time_ms(text)


def test_a_new_process_finds_what_is_there(tmp_path: Path) -> None:
    async def scenario(log: UnsureLog) -> None:
        assert await producers(log).produce("t", PRODUCER, 0, numbered(0, 50)) == Produced(50, 0)
        await producers(log).produce("t", OTHER, 0, [ProducedRecord(NewRecord(b"other"))])
        assert await producers(log).produce("t", PRODUCER, 40, numbered(40, 20)) == Produced(10, 10)
        values = await log.values()
        assert sorted(int(value or b"") for value in values if value != b"other") == list(range(60))

    on_log(tmp_path, scenario)


def test_what_is_known_is_not_read_again(tmp_path: Path) -> None:
    async def scenario(log: UnsureLog) -> None:
        there = producers(log)
        for number in range(5):
            await there.produce("t", PRODUCER, number, numbered(number, 1))
        assert log.scans == 2

    on_log(tmp_path, scenario)


def test_any_mixture_of_failures_neither_loses_nor_doubles(tmp_path: Path) -> None:
    async def scenario(log: UnsureLog) -> None:
        for seed in range(20):
            random = Random(seed)
            producer = make_ulid(NOW_MS, seed.to_bytes(10, "big"))
            log.fate = lambda random=random: random.choice(["fine", "lost", "unheard"])  # type: ignore[misc]
            there = producers(log)
            before = len(await log.values())
            for first in range(0, 60, 12):
                while True:
                    try:
                        await there.produce("t", producer, first, numbered(first, 12))
                    except LogUnavailable:
                        there = producers(log) if random.random() < 0.3 else there
                    else:
                        break
            assert len(await log.values()) == before + 60

    on_log(tmp_path, scenario)


def test_records_with_times_of_their_own_are_found(tmp_path: Path) -> None:
    async def scenario(log: UnsureLog) -> None:
        await producers(log).produce("t", PRODUCER, 0, numbered(0, 10, timestamp_ms=1000))
        again = await producers(log).produce("t", PRODUCER, 0, numbered(0, 10, timestamp_ms=1000))
        assert again == Produced(0, 10)

    on_log(tmp_path, scenario)


def test_records_that_are_gone_by_retention_do_not_matter(tmp_path: Path) -> None:
    async def scenario(log: UnsureLog) -> None:
        await producers(log).produce("t", PRODUCER, 0, numbered(0, 10))
        for partition in range(2):
            await log.delete_before("t", partition, await log.end_offset("t", partition))
        assert await producers(log).produce("t", PRODUCER, 10, numbered(10, 10)) == Produced(10, 0)

    on_log(tmp_path, scenario)


def test_concurrent_requests_of_one_producer_take_turns(tmp_path: Path) -> None:
    async def scenario(log: UnsureLog) -> None:
        there = producers(log)
        one = [ProducedRecord(NewRecord(b"v", b"k"))]
        done = await asyncio.gather(*(there.produce("t", PRODUCER, 0, one) for _ in range(10)))
        assert sorted(each.appended for each in done) == [0] * 9 + [1]
        assert log.most_appending == 1
        assert len(await log.values()) == 1

    on_log(tmp_path, scenario)


def test_the_memory_of_producers_is_bounded(tmp_path: Path) -> None:
    async def scenario(log: UnsureLog) -> None:
        there = producers(log)
        one = [ProducedRecord(NewRecord(b"v"))]
        for number in range(PRODUCERS_REMEMBERED + 5):
            await there.produce("t", make_ulid(NOW_MS, number.to_bytes(10, "big")), 0, one)
        assert len(there._producers) == PRODUCERS_REMEMBERED
        first = make_ulid(NOW_MS, bytes(10))
        assert await there.produce("t", first, 0, one) == Produced(0, 1)

    on_log(tmp_path, scenario)


def test_too_many_gaps_are_refused(tmp_path: Path) -> None:
    async def scenario(log: UnsureLog) -> None:
        there = producers(log)
        one = [ProducedRecord(NewRecord(b"v"))]
        for number in range(RANGES_REMEMBERED + 1):
            await there.produce("t", PRODUCER, 2 * number, one)
        with pytest.raises(BadProducer, match="too many gaps"):
            await there.produce("t", PRODUCER, 2 * number + 2, one)

    on_log(tmp_path, scenario)


def test_a_producer_from_the_future_is_refused(tmp_path: Path) -> None:
    async def scenario(log: UnsureLog) -> None:
        with pytest.raises(BadProducer, match="in the future"):
            await producers(log, NOW_MS - 3_600_000).produce("t", PRODUCER, 0, numbered(0, 1))

    on_log(tmp_path, scenario)
