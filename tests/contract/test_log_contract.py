"""What every log adapter must keep, checked on each of them: the promises of `odradek_engine.log.port`."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from odradek_engine.log.embedded import open_embedded_log
from odradek_engine.log.kafka import connect_kafka_log
from odradek_engine.log.kafka_settings import KafkaSettings
from odradek_engine.log.port import (
    Cleanup,
    Log,
    LogError,
    NewRecord,
    OffsetOutOfRange,
    Reader,
    Record,
    RecordTooLarge,
    TopicExists,
    TopicMisconfigured,
    TopicSpec,
    UnknownTopic,
)
from odradek_engine.log.simulated import SimulatedLog
from odradek_engine.log.simulated_cluster import SimulatedCluster

DEADLINE_S = 30.0

OpenLog = Callable[[], Awaitable[Log]]


class Listener:
    """Notes what a journal writer is told."""

    def __init__(self) -> None:
        self.offsets: list[int] = []
        self.errors: list[LogError] = []
        self._changed = asyncio.Event()

    def acknowledged(self, offset: int) -> None:
        self.offsets.append(offset)
        self._changed.set()

    def failed(self, error: LogError) -> None:
        print(error)
        self.errors.append(error)
        self._changed.set()

    async def until_acknowledged(self, count: int) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while len(self.offsets) < count:
                assert not self.errors, self.errors
                self._changed.clear()
                await self._changed.wait()


@pytest.fixture
def topic() -> str:
    return f"contract-{uuid.uuid4().hex[:12]}"


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka), "simulated"])
def open_log(request: pytest.FixtureRequest, tmp_path: Path) -> OpenLog:
    """Opens a log of the kind under test; every log that one test opens is the same one."""
    if request.param == "embedded":
        return lambda: open_embedded_log(tmp_path / "log")
    if request.param == "kafka":
        settings = KafkaSettings(request.getfixturevalue("kafka_bootstrap"))
        return lambda: connect_kafka_log(settings)
    clusters: list[SimulatedCluster] = []

    async def open_simulated() -> Log:
        loop = asyncio.get_running_loop()
        clusters[:] = clusters or [SimulatedCluster(1, loop)]
        clusters[0].scheduler = loop
        return SimulatedLog(clusters[0])

    return open_simulated


@contextlib.asynccontextmanager
async def opened(open_log: OpenLog) -> AsyncIterator[Log]:
    log = await open_log()
    try:
        yield log
    finally:
        await log.close()


def journal(topic: str, partitions: int = 1) -> TopicSpec:
    return TopicSpec(topic, partitions, Cleanup.NEVER_BY_TIME, log_append_time=True)


async def read_all(log: Log, topic: str, partition: int = 0, begin: int | None = None) -> list[Record]:
    """Every record up to the end that the log has now."""
    end = await log.end_offset(topic, partition)
    offset = await log.begin_offset(topic, partition) if begin is None else begin
    reader = await log.reader(topic, partition, offset)
    records: list[Record] = []
    try:
        async with asyncio.timeout(DEADLINE_S):
            while offset < end:
                for record in await reader.read(100, 500):
                    records.append(record)
                    offset = record.offset + 1
    finally:
        await reader.close()
    return records


async def read_some(reader: Reader, count: int) -> list[Record]:
    records: list[Record] = []
    async with asyncio.timeout(DEADLINE_S):
        while len(records) < count:
            records.extend(await reader.read(count - len(records), 1000))
    return records


def run(scenario: Callable[[Log], Awaitable[None]], open_log: OpenLog) -> None:
    async def main() -> None:
        async with opened(open_log) as log:
            await scenario(log)

    asyncio.run(main())


def test_journal_records_are_acknowledged_in_order_at_contiguous_offsets(open_log: OpenLog, topic: str) -> None:
    async def scenario(log: Log) -> None:
        await log.ensure_topics([journal(topic)])
        listener = Listener()
        writer = log.journal_writer(topic, 0, listener)
        values = [b"record %d" % i for i in range(500)]
        for value in values:
            writer.append(value)
        await listener.until_acknowledged(500)
        assert listener.offsets == list(range(500))
        records = await read_all(log, topic)
        assert [record.value for record in records] == values
        assert [record.offset for record in records] == listener.offsets
        assert await log.end_offset(topic, 0) == 500

    run(scenario, open_log)


def test_acknowledged_records_are_there_after_opening_again(open_log: OpenLog, topic: str) -> None:
    async def first(log: Log) -> None:
        await log.ensure_topics([journal(topic)])
        listener = Listener()
        writer = log.journal_writer(topic, 0, listener)
        for i in range(50):
            writer.append(b"%d" % i)
        await listener.until_acknowledged(50)

    async def second(log: Log) -> None:
        await log.ensure_topics([journal(topic)])
        assert [record.value for record in await read_all(log, topic)] == [b"%d" % i for i in range(50)]
        listener = Listener()
        log.journal_writer(topic, 0, listener).append(b"next")
        await listener.until_acknowledged(1)
        assert listener.offsets == [50]

    run(first, open_log)
    run(second, open_log)


def test_partitions_and_topics_do_not_mix(open_log: OpenLog, topic: str) -> None:
    async def scenario(log: Log) -> None:
        other = topic + ".other"
        await log.ensure_topics([journal(topic, 3), journal(other, 1)])
        listeners = [Listener() for _ in range(3)]
        writers = [log.journal_writer(topic, partition, listeners[partition]) for partition in range(3)]
        for i, partition in itertools.product(range(20), range(3)):
            writers[partition].append(b"%d of %d" % (i, partition))
        assert await log.append(other, 0, [NewRecord(b"alone")]) == [0]
        for partition in range(3):
            await listeners[partition].until_acknowledged(20)
            values = [record.value for record in await read_all(log, topic, partition)]
            assert values == [b"%d of %d" % (i, partition) for i in range(20)]
        assert [record.value for record in await read_all(log, other)] == [b"alone"]

    run(scenario, open_log)


def test_a_reader_at_the_end_gets_records_as_they_come(open_log: OpenLog, topic: str) -> None:
    async def scenario(log: Log) -> None:
        await log.ensure_topics([journal(topic)])
        await log.append(topic, 0, [NewRecord(b"old")])
        reader = await log.reader(topic, 0, 1)
        assert list(await reader.read(10, 0)) == []
        for i in range(10):
            waiting = asyncio.create_task(read_some(reader, 1))
            await log.append(topic, 0, [NewRecord(b"%d" % i)])
            (record,) = await waiting
            assert (record.offset, record.value) == (i + 1, b"%d" % i)
        await reader.close()

    run(scenario, open_log)


def test_a_read_gives_no_more_than_asked_for_and_none_is_skipped(open_log: OpenLog, topic: str) -> None:
    async def scenario(log: Log) -> None:
        await log.ensure_topics([journal(topic)])
        await log.append(topic, 0, [NewRecord(b"%d" % i) for i in range(30)])
        reader = await log.reader(topic, 0, 4)
        offsets: list[int] = []
        async with asyncio.timeout(DEADLINE_S):
            while len(offsets) < 26:
                records = await reader.read(7, 1000)
                assert len(records) <= 7
                offsets.extend(record.offset for record in records)
        assert offsets == list(range(4, 30))
        await reader.close()

    run(scenario, open_log)


def test_keys_headers_and_timestamps_come_back(open_log: OpenLog, topic: str) -> None:
    async def scenario(log: Log) -> None:
        info = await log.create_topic(topic, 2)
        assert (info.name, info.partitions) == (topic, 2)
        records = [
            NewRecord(b"v1", b"k1", (("h", b"1"), ("h", b"2"), ("\u00e4", b"")), 1_700_000_000_000),
            NewRecord(None, b"\xff\x00", (), 1_700_000_000_500),
            NewRecord(b"", None),
            NewRecord(b"v2", b""),
        ]
        assert list(await log.append(topic, 1, records)) == [0, 1, 2, 3]
        found = await read_all(log, topic, 1)
        assert [(r.value, r.key, r.headers) for r in found] == [(r.value, r.key, r.headers) for r in records]
        assert [r.timestamp_ms for r in found[:2]] == [1_700_000_000_000, 1_700_000_000_500]
        assert found[2].timestamp_ms > 1_700_000_000_500

    run(scenario, open_log)


def test_a_journal_has_the_logs_own_timestamps(open_log: OpenLog, topic: str) -> None:
    async def scenario(log: Log) -> None:
        await log.ensure_topics([journal(topic)])
        await log.append(topic, 0, [NewRecord(b"v", timestamp_ms=5)])
        (record,) = await read_all(log, topic)
        assert record.timestamp_ms > 1_500_000_000_000

    run(scenario, open_log)


def test_the_first_offset_of_a_time_is_found(open_log: OpenLog, topic: str) -> None:
    async def scenario(log: Log) -> None:
        await log.create_topic(topic, 1)
        base = 1_700_000_000_000
        for i in range(5):
            await log.append(topic, 0, [NewRecord(b"v", timestamp_ms=base + 1000 * i)])
        assert await log.offset_for_time(topic, 0, 0) == 0
        assert await log.offset_for_time(topic, 0, base + 2000) == 2
        assert await log.offset_for_time(topic, 0, base + 2001) == 3
        assert await log.offset_for_time(topic, 0, base + 9000) == 5

    run(scenario, open_log)


def test_deleting_moves_the_begin_and_no_other_offset(open_log: OpenLog, topic: str) -> None:
    async def scenario(log: Log) -> None:
        await log.ensure_topics([journal(topic)])
        await log.append(topic, 0, [NewRecord(b"%d" % i) for i in range(10)])
        await log.delete_before(topic, 0, 4)
        assert await log.begin_offset(topic, 0) == 4
        assert await log.end_offset(topic, 0) == 10
        assert [(r.offset, r.value) for r in await read_all(log, topic)] == [(i, b"%d" % i) for i in range(4, 10)]
        await log.delete_before(topic, 0, 2)
        assert await log.begin_offset(topic, 0) == 4
        await log.delete_before(topic, 0, 10)
        assert await log.begin_offset(topic, 0) == await log.end_offset(topic, 0) == 10
        assert list(await log.append(topic, 0, [NewRecord(b"next")])) == [10]
        with pytest.raises(OffsetOutOfRange):
            await log.delete_before(topic, 0, 12)

    run(scenario, open_log)


def test_what_was_deleted_stays_deleted_and_no_offset_is_used_twice(open_log: OpenLog, topic: str) -> None:
    async def first(log: Log) -> None:
        await log.ensure_topics([journal(topic)])
        await log.append(topic, 0, [NewRecord(b"%d" % i) for i in range(10)])
        await log.delete_before(topic, 0, 10)

    async def second(log: Log) -> None:
        assert await log.begin_offset(topic, 0) == 10
        assert list(await log.append(topic, 0, [NewRecord(b"next")])) == [10]
        assert [(r.offset, r.value) for r in await read_all(log, topic)] == [(10, b"next")]

    run(first, open_log)
    run(second, open_log)


def test_reading_outside_of_what_is_kept_is_an_error(open_log: OpenLog, topic: str) -> None:
    async def scenario(log: Log) -> None:
        await log.ensure_topics([journal(topic)])
        await log.append(topic, 0, [NewRecord(b"%d" % i) for i in range(10)])
        await log.delete_before(topic, 0, 4)
        for offset in (0, 3, 11, 1000):
            reader = await log.reader(topic, 0, offset)
            with pytest.raises(OffsetOutOfRange):
                await read_some(reader, 1)
            await reader.close()

    run(scenario, open_log)


def test_large_records_go_and_too_large_ones_are_refused(open_log: OpenLog, topic: str) -> None:
    async def scenario(log: Log) -> None:
        await log.ensure_topics([journal(topic)])
        large = b"\x07" * (34 * 1024 * 1024)
        listener = Listener()
        writer = log.journal_writer(topic, 0, listener)
        writer.append(b"before")
        writer.append(large)
        with pytest.raises(RecordTooLarge):
            writer.append(b"\x07" * (41 * 1024 * 1024))
        with pytest.raises(RecordTooLarge):
            await log.append(topic, 0, [NewRecord(b"\x07" * (41 * 1024 * 1024))])
        writer.append(b"after")
        await listener.until_acknowledged(3)
        assert listener.offsets == [0, 1, 2]
        assert [r.value for r in await read_all(log, topic)] == [b"before", large, b"after"]

    run(scenario, open_log)


def test_a_closed_writer_tells_nothing_more(open_log: OpenLog, topic: str) -> None:
    async def scenario(log: Log) -> None:
        await log.ensure_topics([journal(topic)])
        old, new = Listener(), Listener()
        writer = log.journal_writer(topic, 0, old)
        writer.append(b"old")
        writer.close()
        successor = log.journal_writer(topic, 0, new)
        successor.append(b"new")
        await new.until_acknowledged(1)
        assert old.offsets == []
        assert old.errors == []
        assert b"new" in [record.value for record in await read_all(log, topic)]

    run(scenario, open_log)


def test_two_writers_of_a_partition_never_share_an_offset(open_log: OpenLog, topic: str) -> None:
    async def scenario(log: Log) -> None:
        await log.ensure_topics([journal(topic)])
        listeners = [Listener(), Listener()]
        writers = [log.journal_writer(topic, 0, listener) for listener in listeners]
        for i in range(100):
            for name, writer in zip(b"ab", writers, strict=True):
                writer.append(b"%c%d" % (name, i))
        for listener in listeners:
            await listener.until_acknowledged(100)
            assert listener.offsets == sorted(listener.offsets)
        records = {record.offset: record.value for record in await read_all(log, topic)}
        assert len(records) == 200
        for name, listener in zip(b"ab", listeners, strict=True):
            assert [records[offset] for offset in listener.offsets] == [b"%c%d" % (name, i) for i in range(100)]

    run(scenario, open_log)


def test_topics_are_made_once_and_checked(open_log: OpenLog, topic: str) -> None:
    async def scenario(log: Log) -> None:
        compacted = TopicSpec(topic + ".state", 2, Cleanup.COMPACTED)
        await log.ensure_topics([journal(topic, 2), compacted])
        before = await log.topic(topic)
        await log.ensure_topics([journal(topic, 2), compacted])
        assert await log.topic(topic) == before
        for wrong, setting in (
            (journal(topic, 3), "partitions"),
            (TopicSpec(topic, 2, Cleanup.COMPACTED, log_append_time=True), "cleanup"),
            (TopicSpec(topic + ".state", 2, Cleanup.NEVER_BY_TIME), "cleanup"),
        ):
            with pytest.raises(TopicMisconfigured, match=setting) as raised:
                await log.ensure_topics([wrong])
            assert wrong.name in str(raised.value)
        with pytest.raises(TopicExists):
            await log.create_topic(topic, 2)
        found = {info.name: info for info in await log.topics()}
        assert found[topic] == before
        assert found[topic + ".state"].partitions == 2

    run(scenario, open_log)


def test_what_is_not_there_is_unknown(open_log: OpenLog, topic: str) -> None:
    async def scenario(log: Log) -> None:
        with pytest.raises(UnknownTopic):
            await log.topic(topic)
        await log.create_topic(topic, 1)
        for name, partition in ((topic + ".none", 0), (topic, 7)):
            with pytest.raises(UnknownTopic):
                await log.end_offset(name, partition)
            with pytest.raises(UnknownTopic):
                await log.append(name, partition, [NewRecord(b"v")])

    run(scenario, open_log)


def test_the_log_has_a_lasting_identity(open_log: OpenLog) -> None:
    found: list[str] = []

    async def scenario(log: Log) -> None:
        found.append(await log.cluster_id())

    run(scenario, open_log)
    run(scenario, open_log)
    assert found[0] == found[1] != ""


def test_many_appends_at_once_all_arrive_in_each_callers_order(open_log: OpenLog, topic: str) -> None:
    async def scenario(log: Log) -> None:
        await log.create_topic(topic, 1)

        async def caller(name: int) -> None:
            last = -1
            for i in range(10):
                (offset,) = await log.append(topic, 0, [NewRecord(b"%d.%d" % (name, i))])
                assert offset > last
                last = offset

        async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as group:
            for name in range(20):
                group.create_task(caller(name))
        values = [record.value or b"" for record in await read_all(log, topic)]
        assert sorted(values) == sorted(b"%d.%d" % (name, i) for name in range(20) for i in range(10))
        for name in range(20):
            mine = [value for value in values if value.startswith(b"%d." % name)]
            assert mine == [b"%d.%d" % (name, i) for i in range(10)]

    run(scenario, open_log)


def test_a_compacted_topic_gives_every_keys_last_record(open_log: OpenLog, topic: str) -> None:
    async def scenario(log: Log) -> None:
        await log.ensure_topics([TopicSpec(topic, 1, Cleanup.COMPACTED)])
        await log.append(topic, 0, [NewRecord(b"%d" % i, b"k%d" % (i % 3)) for i in range(30)])
        await log.append(topic, 0, [NewRecord(None, b"k1")])
        table: dict[bytes | None, bytes | None] = {}
        for record in await read_all(log, topic):
            table[record.key] = record.value
        assert table == {b"k0": b"27", b"k1": None, b"k2": b"29"}
        assert await log.end_offset(topic, 0) == 31

    run(scenario, open_log)


def test_after_closing_nothing_hangs_and_nothing_is_taken(open_log: OpenLog, topic: str) -> None:
    async def main() -> None:
        log = await open_log()
        await log.ensure_topics([journal(topic)])
        listener = Listener()
        writer = log.journal_writer(topic, 0, listener)
        await log.close()
        writer.append(b"late")
        with pytest.raises(LogError):
            async with asyncio.timeout(DEADLINE_S):
                await log.append(topic, 0, [NewRecord(b"late")])
        assert listener.offsets == []

    asyncio.run(main())
