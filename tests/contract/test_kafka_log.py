"""The Kafka log beyond the common contract: settings, failures of delivery, a silent broker, transactions."""

from __future__ import annotations

import asyncio
import os
import signal
import time
import uuid
from collections.abc import Awaitable, Callable

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from kafka_broker import broker_process, missing_tools
from odradek_engine.log.checks import RECORD_BYTES_MAX
from odradek_engine.log.kafka import KafkaLog, connect_kafka_log
from odradek_engine.log.kafka_settings import KafkaSettings
from odradek_engine.log.kafka_topics import check_settings, replication_for, settings_for
from odradek_engine.log.port import (
    Cleanup,
    LogError,
    LogUnavailable,
    NewRecord,
    RecordTooLarge,
    TopicMisconfigured,
    TopicSpec,
)

DEADLINE_S = 30.0


class Listener:
    def __init__(self) -> None:
        self.offsets: list[int] = []
        self.error: LogError | None = None
        self.changed = asyncio.Event()

    def acknowledged(self, offset: int) -> None:
        self.offsets.append(offset)
        self.changed.set()

    def failed(self, error: LogError) -> None:
        assert self.error is None
        self.error = error
        self.changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                self.changed.clear()
                await self.changed.wait()


@pytest.fixture
def topic() -> str:
    return f"kafka-log-{uuid.uuid4().hex[:12]}"


def journal(topic: str, partitions: int = 1) -> TopicSpec:
    return TopicSpec(topic, partitions, Cleanup.NEVER_BY_TIME, log_append_time=True)


def run(settings: KafkaSettings, scenario: Callable[[KafkaLog], Awaitable[None]]) -> None:
    async def main() -> None:
        log = await connect_kafka_log(settings)
        try:
            await scenario(log)
        finally:
            await log.close()

    asyncio.run(main())


async def values(log: KafkaLog, topic: str, partition: int = 0) -> list[bytes | None]:
    end = await log.end_offset(topic, partition)
    reader = await log.reader(topic, partition, 0)
    found: list[bytes | None] = []
    async with asyncio.timeout(DEADLINE_S):
        while reader.position < end:
            found.extend(record.value for record in await reader.read(1000, 200))
    await reader.close()
    return found


def test_no_broker_is_told_in_one_line_soon(capfd: pytest.CaptureFixture[str]) -> None:
    begun = time.monotonic()
    with pytest.raises(LogUnavailable, match=r"no Kafka broker answers at 127\.0\.0\.1:1: .*refused") as raised:
        asyncio.run(connect_kafka_log(KafkaSettings("127.0.0.1:1")))
    assert time.monotonic() - begun < 12
    assert "\n" not in str(raised.value)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("name", ["acks", "enable.idempotence", "transactional.id", "isolation.level"])
def test_properties_that_safety_rests_on_cannot_be_chosen(name: str) -> None:
    with pytest.raises(LogError, match=name):
        asyncio.run(connect_kafka_log(KafkaSettings("127.0.0.1:1", properties={name: "0"})))


def test_the_replication_factor_follows_the_brokers_unless_chosen() -> None:
    assert replication_for(3, None) == (3, None)
    assert replication_for(5, 5) == (5, None)
    replication, warning = replication_for(1, None)
    assert replication == 1
    assert warning is not None
    assert replication_for(3, 2)[1] is not None
    for brokers, chosen in ((2, None), (1, 3)):
        with pytest.raises(LogError, match="replication factor 3 needs 3 brokers"):
            replication_for(brokers, chosen)


@pytest.mark.parametrize(
    ("cleanup", "setting", "wrong"),
    [
        (Cleanup.NEVER_BY_TIME, "retention.ms", "604800000"),
        (Cleanup.NEVER_BY_TIME, "retention.bytes", "1000000"),
        (Cleanup.NEVER_BY_TIME, "cleanup.policy", "compact"),
        (Cleanup.NEVER_BY_TIME, "message.timestamp.type", "CreateTime"),
        (Cleanup.COMPACTED, "cleanup.policy", "compact,delete"),
        (Cleanup.COMPACTED, "unclean.leader.election.enable", "true"),
        (Cleanup.COMPACTED, "max.message.bytes", "1048588"),
        (Cleanup.COMPACTED, "min.insync.replicas", "1"),
    ],
)
def test_each_wrong_setting_is_refused_with_a_way_to_mend_it(cleanup: Cleanup, setting: str, wrong: str) -> None:
    spec = TopicSpec("t", 8, cleanup, log_append_time=True)
    right = settings_for(spec, 3)
    check_settings(spec, right, 3, "broker:9092")
    with pytest.raises(TopicMisconfigured) as raised:
        check_settings(spec, {**right, setting: wrong}, 3, "broker:9092")
    text = str(raised.value)
    assert f"{setting} is {wrong}, needed is {right[setting]}" in text
    assert (
        f"--bootstrap-server broker:9092 --alter --entity-type topics --entity-name t --add-config {setting}=" in text
    )


@pytest.mark.kafka
def test_a_topic_of_the_engine_with_retention_by_time_is_refused(kafka_bootstrap: str, topic: str) -> None:
    async def scenario(log: KafkaLog) -> None:
        await log.ensure_topics([journal(topic)])
        wrong = topic + ".wrong"
        await log.create_topic(wrong, 1, {**settings_for(journal(wrong), 1), "retention.ms": "3600000"})
        with pytest.raises(TopicMisconfigured, match=r"retention\.ms is 3600000, needed is -1"):
            await log.ensure_topics([journal(wrong)])

    run(KafkaSettings(kafka_bootstrap), scenario)


@pytest.mark.kafka
def test_a_user_topic_says_when_a_record_is_too_large_for_it(kafka_bootstrap: str, topic: str) -> None:
    async def scenario(log: KafkaLog) -> None:
        await log.create_topic(topic, 1)
        large = NewRecord(b"x" * 2_000_000)
        with pytest.raises(RecordTooLarge):
            await log.append(topic, 0, [large])
        with pytest.raises(LogError) as raised:
            await log.append(topic, 0, [NewRecord(b"small"), large])
        assert not isinstance(raised.value, RecordTooLarge)
        await log.append(topic, 0, [NewRecord(b"after")])
        assert (await values(log, topic))[-1] == b"after"

    run(KafkaSettings(kafka_bootstrap), scenario)


@pytest.mark.kafka
def test_a_reader_passes_the_marks_of_transactions_and_what_was_aborted(kafka_bootstrap: str, topic: str) -> None:
    def transaction(commit: bool) -> None:
        producer = Producer({"bootstrap.servers": kafka_bootstrap, "transactional.id": topic})
        producer.init_transactions(30)
        producer.begin_transaction()
        producer.produce(topic, b"committed" if commit else b"aborted", b"k", 0)
        producer.flush(30)
        if commit:
            producer.commit_transaction(30)
        else:
            producer.abort_transaction(30)

    async def scenario(log: KafkaLog) -> None:
        await log.ensure_topics([TopicSpec(topic, 1, Cleanup.COMPACTED)])
        await asyncio.to_thread(transaction, True)
        await asyncio.to_thread(transaction, False)
        assert await values(log, topic) == [b"committed"]
        assert await log.end_offset(topic, 0) == 4

    run(KafkaSettings(kafka_bootstrap), scenario)


@pytest.mark.kafka
def test_reading_ahead_is_bounded(kafka_bootstrap: str, topic: str) -> None:
    async def scenario(log: KafkaLog) -> None:
        await log.ensure_topics([journal(topic)])
        for _ in range(30):
            await log.append(topic, 0, [NewRecord(bytes([i]) * 1_000_000) for i in range(4)])
        reader = await log.reader(topic, 0, 0)
        found = list(await reader.read(1, 10_000))
        while len(found) < 120:
            assert reader.ahead_bytes < RECORD_BYTES_MAX
            found.extend(await reader.read(2, 10_000))
        assert [record.value for record in found] == [bytes([i]) * 1_000_000 for _ in range(30) for i in range(4)]

    run(KafkaSettings(kafka_bootstrap), scenario)


@pytest.mark.kafka
def test_after_a_silent_broker_fresh_writers_go_on_and_nothing_acknowledged_is_lost(topic: str) -> None:
    lacking = missing_tools()
    if lacking is not None:
        pytest.skip(f"needs a broker of its own: {lacking}")

    async def scenario(log: KafkaLog) -> None:
        await log.ensure_topics([journal(topic, 2)])
        first, other = Listener(), Listener()
        writer, other_writer = log.journal_writer(topic, 0, first), log.journal_writer(topic, 1, other)
        for each in (writer, other_writer):
            each.append(b"before")
        await first.until(lambda: first.offsets == [0])
        await other.until(lambda: other.offsets == [0])

        os.kill(broker.pid, signal.SIGSTOP)
        try:
            writer.append(b"in doubt")
            await first.until(lambda: first.error is not None)
        finally:
            os.kill(broker.pid, signal.SIGCONT)
        assert isinstance(first.error, LogUnavailable)
        assert first.offsets == [0]

        fresh = Listener()
        fresh_writer = log.journal_writer(topic, 0, fresh)
        fresh_writer.append(b"after")
        other_writer.append(b"moved")
        await fresh.until(lambda: bool(fresh.offsets))
        await other.until(lambda: len(other.offsets) == 2)
        assert fresh_writer.producer is other_writer.producer is not writer.producer
        writer.append(b"taken by nobody")
        found = await values(log, topic)
        assert found[0] == b"before"
        assert found[fresh.offsets[0]] == b"after"
        assert set(found) <= {b"before", b"in doubt", b"after"}
        assert await values(log, topic, 1) == [b"before", b"moved"]

    with broker_process() as (address, broker):
        run(KafkaSettings(address, properties={"delivery.timeout.ms": "1500"}), scenario)


@pytest.mark.kafka
def test_an_unknown_topic_is_not_created_by_naming_it(kafka_bootstrap: str, topic: str) -> None:
    async def scenario(log: KafkaLog) -> None:
        with pytest.raises(LogError):
            await log.append(topic, 0, [NewRecord(b"v")])

    run(KafkaSettings(kafka_bootstrap), scenario)
    assert topic not in AdminClient({"bootstrap.servers": kafka_bootstrap}).list_topics(timeout=10).topics
