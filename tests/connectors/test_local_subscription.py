"""A subscription to a topic of the node's own log."""

from __future__ import annotations

import asyncio
import base64
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from connector_fakes import PARTITIONS, FakeGateway, Targets, handler, schema_of, subscription
from doomed_node import run_until_killed

from odradek.protocol.messages import Header
from odradek_connectors import open_subscriptions
from odradek_connectors.entrance import RECORDS_UNDER_WAY_MAX
from odradek_connectors.subscriptions import Subscriptions
from odradek_engine.log.embedded import EmbeddedLog, open_embedded_log
from odradek_engine.log.kafka import connect_kafka_log
from odradek_engine.log.kafka_settings import KafkaSettings
from odradek_engine.log.port import NewRecord
from odradek_engine.model.commands import Ingest
from odradek_engine.model.outcomes import Refused
from odradek_engine.model.rows import SourceKind, Subscription
from odradek_engine.model.target import TargetKind
from odradek_engine.partition.routing import new_invocation_id, partition_of_invocation
from until import until

SOURCE_PARTITIONS = 3


class Bench:
    """An embedded log with a topic, a gateway, and a supervisor that can be stopped and started again."""

    def __init__(self, log: EmbeddedLog, topic_id: str) -> None:
        self.log = log
        self.topic_id = topic_id
        self.gateway = FakeGateway(log)
        self.subscriptions = self.reopened()

    @property
    def targets(self) -> Targets:
        return self.gateway.targets

    def reopened(self) -> Subscriptions:
        self.subscriptions = open_subscriptions(self.gateway, self.gateway.committed)
        return self.subscriptions

    def subscribe(self, start: dict[int, int] | None = None, cluster: str = "local") -> None:
        self.gateway.subscriptions["sub_1"] = subscription(self.topic_id, start, cluster=cluster)
        self.subscriptions.refresh()

    async def produce(self, partition: int, count: int, key: bytes | None = None) -> None:
        records = [NewRecord(b"%d" % at, key or b"key-%d" % (at % 17)) for at in range(count)]
        await self.log.append("payments", partition, records)

    async def all_taken(self, counts: dict[int, int]) -> None:
        await until(lambda: all(len(self.targets.offsets(p)) >= count for p, count in counts.items()))
        for partition, count in counts.items():
            assert sorted(self.targets.offsets(partition)) == list(range(count))

    def status(self) -> str:
        (report,) = self.subscriptions.reports()
        assert report.status == self.subscriptions.status(report.subscription)
        return report.status


def on_bench(directory: Path, scenario: Callable[[Bench], Awaitable[None]]) -> None:
    async def play() -> None:
        log = await open_embedded_log(directory)
        try:
            bench = Bench(log, (await log.create_topic("payments", SOURCE_PARTITIONS)).id)
            try:
                await scenario(bench)
            finally:
                await bench.subscriptions.stop()
        finally:
            await log.close()

    asyncio.run(play())


def in_order_per_key(taken: list[Ingest]) -> bool:
    newest: dict[tuple[int, str], int] = {}
    for command in taken:
        place = (command.source.partition, command.invocation.target.key)
        if newest.get(place, -1) >= command.source.offset:
            return False
        newest[place] = command.source.offset
    return True


@pytest.mark.row("K6")
def test_every_record_is_taken_once_and_in_order_per_key(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        for partition in range(SOURCE_PARTITIONS):
            await bench.produce(partition, 2_000)
        bench.subscribe()
        await bench.all_taken(dict.fromkeys(range(SOURCE_PARTITIONS), 2_000))
        await bench.produce(1, 50)  # offsets 2000 to 2049
        await bench.all_taken({1: 2_050})
        assert in_order_per_key(bench.targets.taken)
        assert bench.targets.repeats == 0
        assert bench.status() == "running"
        assert bench.subscriptions.reports()[0].counters.requests == 6_050
        assert await bench.subscriptions.lag("sub_1") == {0: (2_000, 2_000), 1: (2_050, 2_050), 2: (2_000, 2_000)}

    on_bench(tmp_path, scenario)


@pytest.mark.row("K7", "K9")
def test_a_record_becomes_an_invocation_with_its_metadata(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.log.append("payments", 1, [NewRecord(b'{"a":1}', b"k?>", (("dropped", b"x"),), 1_234)])
        await bench.log.append("payments", 1, [NewRecord(None, None, timestamp_ms=1_235)])
        bench.subscribe()
        await bench.all_taken({1: 2})
        first, second = sorted(bench.targets.taken, key=lambda command: command.source.offset)
        assert first.refusal is None
        assert str(first.invocation.target) == "Account/k?>/add"
        assert first.invocation.source.kind is SourceKind.SUBSCRIPTION
        assert first.invocation.source.subscription == "sub_1"
        assert first.invocation.journal_retention == 1_000
        assert first.input.value == b'{"a":1}'
        assert first.input.headers == (
            Header("restate.subscription.id", "sub_1"),
            Header("kafka.topic", "payments"),
            Header("kafka.partition", "1"),
            Header("kafka.offset", "0"),
            Header("kafka.timestamp", "1234"),
            Header("kafka.key", base64.urlsafe_b64encode(b"k?>").decode()),
        )
        assert second.invocation.target.key == ""
        assert second.input.value == b""
        assert [header.key for header in second.input.headers][-1] == "kafka.timestamp"
        assert partition_of_invocation(first.invocation.id, PARTITIONS) == partition_of_invocation(
            new_invocation_id(first.invocation.target, None, bytes(16)), PARTITIONS
        )

    on_bench(tmp_path, scenario)


@pytest.mark.row("K10")
def test_a_key_that_is_not_utf8_fails_visibly_and_blocks_nothing(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        bad_key = b"\xff\xfe"
        await bench.log.append("payments", 0, [NewRecord(b"raw", bad_key), NewRecord(b"next", b"good")])
        bench.subscribe()
        await bench.all_taken({0: 2})
        failed = next(command for command in bench.targets.taken if command.source.offset == 0)
        assert failed.refusal is not None
        assert "payments/0" in failed.refusal
        assert "offset 0" in failed.refusal
        assert failed.invocation.target.key == base64.urlsafe_b64encode(bad_key).decode()
        assert failed.input.value == b"raw"
        assert failed.invocation.journal_retention >= 24 * 3600 * 1000

    on_bench(tmp_path, scenario)


@pytest.mark.row("K5")
def test_a_service_takes_any_key_and_repeats_make_the_same_ids(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        bench.gateway.schema = schema_of(handler(TargetKind.SERVICE))
        await bench.log.append("payments", 0, [NewRecord(b"%d" % at, b"\xff") for at in range(200)])
        bench.subscribe()
        await bench.all_taken({0: 200})
        assert all(command.refusal is None for command in bench.targets.taken)
        ids = [command.invocation.id for command in bench.targets.taken]
        assert len(set(ids)) == 200
        assert {partition_of_invocation(raw, PARTITIONS) for raw in ids} == set(range(PARTITIONS))
        await bench.subscriptions.stop()
        forgetful, again = Targets(), bench.targets
        bench.gateway.targets = forgetful
        bench.gateway.commits.clear()
        bench.reopened().refresh()
        await bench.all_taken({0: 200})
        assert {command.invocation.id for command in forgetful.taken} == {c.invocation.id for c in again.taken}

    on_bench(tmp_path, scenario)


def test_reading_begins_at_the_offsets_that_the_subscription_was_made_with(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        for partition in range(SOURCE_PARTITIONS):
            await bench.produce(partition, 10)
        bench.subscribe({0: 7, 1: 10})
        await until(lambda: len(bench.targets.taken) == 13)
        assert sorted(bench.targets.offsets(0)) == [7, 8, 9]
        assert sorted(bench.targets.offsets(1)) == []
        assert sorted(bench.targets.offsets(2)) == list(range(10))

    on_bench(tmp_path, scenario)


def test_a_clean_stop_commits_what_was_taken_and_the_next_start_repeats_nothing(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.produce(0, 5_000)
        bench.subscribe()
        await until(lambda: len(bench.targets.taken) > 500)
        await bench.subscriptions.stop()
        taken = len(bench.targets.taken)
        assert bench.gateway.commits["sub_1", bench.topic_id] == {0: taken}
        assert bench.gateway.queue == type(bench.gateway.queue)()
        bench.reopened().refresh()
        await bench.all_taken({0: 5_000})
        assert bench.targets.repeats == 0

    on_bench(tmp_path, scenario)


@pytest.mark.row("K8")
def test_after_a_kill_records_are_repeated_and_none_is_taken_twice(tmp_path: Path) -> None:
    async def produce(directory: Path) -> str:
        log = await open_embedded_log(directory)
        topic = await log.create_topic("payments", 1)
        await log.append("payments", 0, [NewRecord(b"%d" % at, b"key-%d" % (at % 17)) for at in range(20_000)])
        await log.close()
        return topic.id

    async def finish(directory: Path, row: Subscription, targets: Targets) -> None:
        log = await open_embedded_log(directory)
        gateway = FakeGateway(log, targets)
        gateway.subscriptions[row.id] = row
        subscriptions = open_subscriptions(gateway, gateway.committed)
        subscriptions.refresh()
        await until(lambda: len(targets.taken) == 20_000)
        await subscriptions.stop()
        await log.close()

    row = subscription(asyncio.run(produce(tmp_path)))
    targets = Targets()
    run_until_killed(targets, 3_000, row, str(tmp_path))
    assert len(targets.taken) < 20_000
    asyncio.run(finish(tmp_path, row, targets))
    assert sorted(targets.offsets(0)) == list(range(20_000))
    assert in_order_per_key(targets.taken)
    assert targets.repeats >= 3_000


def test_what_is_under_way_is_bounded_and_an_overloaded_node_is_asked_again(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        bench.gateway.capacity = 20
        bench.gateway.holding = True
        for partition in range(SOURCE_PARTITIONS):
            await bench.produce(partition, 1_500)
        bench.subscribe()
        await until(lambda: bench.gateway.overloads > 2)
        assert len(bench.gateway.queue) == 20
        bench.gateway.capacity = 100_000
        await until(lambda: len(bench.gateway.queue) == RECORDS_UNDER_WAY_MAX)
        assert (await bench.subscriptions.lag("sub_1") or {})[0] == (0, 1_500)
        bench.gateway.holding = False
        bench.gateway.take_turn()
        await bench.all_taken(dict.fromkeys(range(SOURCE_PARTITIONS), 1_500))
        assert bench.targets.repeats == 0

    on_bench(tmp_path, scenario)


def test_a_gap_is_mended_by_sending_again(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        lost = {100, 700}

        def lose(command: Ingest) -> Refused | None:
            if command.source.offset in lost:
                lost.remove(command.source.offset)
                return Refused(503, "the partition has no leader")
            return None

        bench.gateway.refuse = lose
        await bench.produce(0, 1_000, b"one key")
        bench.subscribe()
        await bench.all_taken({0: 1_000})
        assert bench.targets.offsets(0) == list(range(1_000))
        await until(lambda: bench.status() == "running")
        assert bench.subscriptions.reports()[0].counters.broken_chains == 2

    on_bench(tmp_path, scenario)


@pytest.mark.parametrize("bytes_fit", [True, False])
def test_a_record_that_the_engine_cannot_process_fails_visibly(tmp_path: Path, bytes_fit: bool) -> None:
    async def scenario(bench: Bench) -> None:
        def choke(command: Ingest) -> Refused | None:
            if command.source.offset != 3 or (command.refusal and (bytes_fit or not command.input.value)):
                return None
            return Refused(413, "its events are too large")

        bench.gateway.refuse = choke
        await bench.produce(0, 10)
        bench.subscribe()
        await bench.all_taken({0: 10})
        failed = next(command for command in bench.targets.taken if command.source.offset == 3)
        assert failed.refusal is not None
        assert "its events are too large" in failed.refusal
        assert failed.input.value == (b"3" if bytes_fit else b"")

    on_bench(tmp_path, scenario)


def test_records_wait_for_a_handler_that_is_gone(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        bench.gateway.schema = schema_of()
        await bench.produce(0, 10)
        bench.subscribe()
        await until(lambda: "Account/add is not registered" in bench.status())
        assert bench.targets.taken == []
        assert (await bench.subscriptions.lag("sub_1") or {})[0] == (0, 10)
        bench.gateway.schema = schema_of(handler())
        await bench.all_taken({0: 10})
        assert bench.status() == "running"

    on_bench(tmp_path, scenario)


def test_records_that_retention_took_are_counted_as_lost(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.produce(0, 100)
        await bench.log.delete_before("payments", 0, 40)
        bench.subscribe({0: 10})
        await until(lambda: len(bench.targets.taken) == 60)
        assert sorted(bench.targets.offsets(0)) == list(range(40, 100))
        assert bench.subscriptions.reports()[0].counters.lost == 30

    on_bench(tmp_path, scenario)


def test_a_source_that_lost_its_end_is_reported_and_not_read(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.produce(0, 10)
        bench.subscribe({0: 50})
        await until(lambda: "the source has lost records" in bench.status())
        assert bench.targets.taken == []

    on_bench(tmp_path, scenario)


def test_another_topic_of_the_same_name_and_a_missing_one_are_reported(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.produce(0, 10)
        real, bench.topic_id = bench.topic_id, "the one before"
        bench.subscribe()
        await until(lambda: "was deleted and created again" in bench.status())
        assert bench.targets.taken == []
        row = subscription(real)
        bench.gateway.subscriptions["sub_1"] = type(row)(**{**_fields(row), "topic": "absent"})
        bench.subscriptions.refresh()
        await until(lambda: "absent" in bench.status())
        assert await bench.subscriptions.lag("sub_1") is None
        bench.gateway.subscriptions["sub_1"] = row
        bench.subscriptions.refresh()
        await bench.all_taken({0: 10})

    on_bench(tmp_path, scenario)


@pytest.mark.row("K11")
def test_a_deleted_subscription_is_read_no_more_and_others_go_on(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        bench.gateway.subscriptions["sub_2"] = subscription(bench.topic_id, name="sub_2")
        bench.subscribe()
        await bench.produce(0, 10)
        await until(lambda: len(bench.targets.taken) == 20)
        del bench.gateway.subscriptions["sub_1"]
        bench.subscriptions.refresh()
        await bench.produce(0, 10)
        await until(lambda: len(bench.targets.offsets(0, "sub_2")) == 20)
        assert len(bench.targets.offsets(0, "sub_1")) == 10
        assert await bench.subscriptions.lag("sub_1") is None
        assert [report.subscription for report in bench.subscriptions.reports()] == ["sub_2"]

    on_bench(tmp_path, scenario)


def test_an_unknown_cluster_is_reported(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        bench.subscribe(cluster="gone")
        await until(lambda: "Kafka cluster 'gone' is not registered" in bench.status())

    on_bench(tmp_path, scenario)


def _fields(row: Any) -> dict[str, Any]:
    return {field: getattr(row, field) for field in row.__struct_fields__}


@pytest.mark.kafka
def test_a_log_on_kafka_is_read_the_same_way(kafka_bootstrap: str) -> None:
    async def play() -> None:
        log = await connect_kafka_log(KafkaSettings(kafka_bootstrap))
        name = f"payments-{uuid.uuid4().hex[:8]}"
        topic = await log.create_topic(name, 2)
        for partition in (0, 1):
            await log.append(name, partition, [NewRecord(b"%d" % at, b"key-%d" % (at % 17)) for at in range(1_000)])
        await log.delete_before(name, 1, 300)
        gateway = FakeGateway(log)
        gateway.subscriptions["sub_1"] = subscription(topic.id, topic=name)
        subscriptions = open_subscriptions(gateway, gateway.committed)
        subscriptions.refresh()
        targets = gateway.targets
        await until(lambda: len(targets.taken) == 1_700)
        assert sorted(targets.offsets(0)) == list(range(1_000))
        assert sorted(targets.offsets(1)) == list(range(300, 1_000))
        assert subscriptions.reports()[0].counters.lost == 300
        assert await subscriptions.lag("sub_1") == {0: (1_000, 1_000), 1: (1_000, 1_000)}
        await subscriptions.stop()
        await log.close()

    asyncio.run(play())
