"""A subscription to a topic of a real Kafka cluster."""

from __future__ import annotations

import asyncio
import socket
import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]
from connector_fakes import FakeGateway, Targets, handler, schema_of, subscription
from doomed_node import run_until_killed

from odradek_connectors import open_subscriptions
from odradek_connectors.kafka_group import PATIENCE_SECONDS
from odradek_connectors.resolver import KafkaSourceResolver
from odradek_connectors.subscriptions import Subscriptions
from odradek_engine.log.port import LogUnavailable, UnknownTopic
from odradek_engine.model.rows import KafkaCluster, Subscription
from until import until

pytestmark = pytest.mark.kafka

SOURCE_PARTITIONS = 4


class Foreign:
    """A topic of the broker, and nodes that subscribe to it."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self.topic = f"payments-{uuid.uuid4().hex[:8]}"
        self.admin = AdminClient({"bootstrap.servers": bootstrap})
        self.cluster = KafkaCluster("warehouse", {"bootstrap.servers": bootstrap}, 0)
        self.targets = Targets()
        self.nodes: list[tuple[FakeGateway, Subscriptions]] = []
        self.row: Subscription | None = None

    def create_topic(self) -> None:
        (future,) = self.admin.create_topics([NewTopic(self.topic, SOURCE_PARTITIONS, 1)]).values()
        future.result(30)

    def delete_topic(self) -> None:
        (future,) = self.admin.delete_topics([self.topic]).values()
        future.result(30)

    def produce(self, partition: int, values: Sequence[bytes | None], **properties: Any) -> None:
        producer = Producer({"bootstrap.servers": self.bootstrap, "linger.ms": 5, **properties})
        for at, value in enumerate(values):
            producer.produce(self.topic, value, b"key-%d" % (at % 17), partition=partition)
            producer.poll(0)
        assert producer.flush(30) == 0

    async def subscribe(self, **options: str) -> Subscription:
        """Makes the subscription, as the admin API does."""
        topic_id, starts = await KafkaSourceResolver().resolve(self.cluster, self.topic, options)
        self.row = subscription(topic_id, starts, f"sub_{uuid.uuid4().hex}", "warehouse", self.topic, options)
        return self.row

    def node(self, commits: dict[tuple[str, str], dict[int, int]] | None = None) -> tuple[FakeGateway, Subscriptions]:
        """Starts a node; all of them share the engine's partitions."""
        assert self.row is not None
        gateway = FakeGateway(targets=self.targets)
        gateway.commits = commits if commits is not None else gateway.commits
        gateway.kafka_clusters["warehouse"] = self.cluster
        gateway.subscriptions[self.row.id] = self.row
        subscriptions = open_subscriptions(gateway, gateway.committed)
        subscriptions.refresh()
        self.nodes.append((gateway, subscriptions))
        return gateway, subscriptions

    def offsets(self, partition: int) -> list[int]:
        assert self.row is not None
        return self.targets.offsets(partition, self.row.id)

    def restarts(self) -> int:
        return sum(report.counters.restarts for _, node in self.nodes for report in node.reports())

    async def taken(self, counts: dict[int, int]) -> None:
        await until(lambda: all(len(self.offsets(partition)) >= count for partition, count in counts.items()))
        for partition, count in counts.items():
            assert sorted(self.offsets(partition)) == list(range(count))


@pytest.fixture
def play(kafka_bootstrap: str) -> Callable[[Callable[[Foreign], Awaitable[None]]], None]:
    async def run(scenario: Callable[[Foreign], Awaitable[None]]) -> None:
        foreign = Foreign(kafka_bootstrap)
        foreign.create_topic()
        try:
            await scenario(foreign)
        finally:
            await asyncio.gather(*(subscriptions.stop() for _, subscriptions in foreign.nodes))

    return lambda scenario: asyncio.run(run(scenario))


Play = Callable[[Callable[[Foreign], Awaitable[None]]], None]


def values(count: int) -> list[bytes]:
    return [b"%d" % at for at in range(count)]


def status(subscriptions: Subscriptions) -> str:
    (report,) = subscriptions.reports()
    return report.status


@pytest.mark.row("K3", "K8")
def test_every_record_is_taken_once_across_a_restart(play: Play) -> None:
    async def scenario(foreign: Foreign) -> None:
        for partition in range(SOURCE_PARTITIONS):
            foreign.produce(partition, values(1_000))
        row = await foreign.subscribe(**{"auto.offset.reset": "earliest"})
        _, first = foreign.node()
        await foreign.taken(dict.fromkeys(range(SOURCE_PARTITIONS), 1_000))
        assert await first.lag(row.id) == dict.fromkeys(range(SOURCE_PARTITIONS), (1_000, 1_000))
        assert status(first) == "running"
        await first.stop()
        foreign.produce(2, values(500))
        foreign.node()
        await foreign.taken({0: 1_000, 1: 1_000, 2: 1_500, 3: 1_000})
        assert foreign.targets.repeats == 0  # the group's offsets were committed at the clean stop
        assert foreign.restarts() == 0

    play(scenario)


def test_latest_means_the_end_when_the_subscription_was_made(play: Play) -> None:
    async def scenario(foreign: Foreign) -> None:
        foreign.produce(0, values(100))
        await foreign.subscribe()
        foreign.produce(0, values(20))  # before anybody reads
        foreign.node()
        await until(lambda: len(foreign.offsets(0)) == 20)
        assert sorted(foreign.offsets(0)) == list(range(100, 120))

    play(scenario)


@pytest.mark.parametrize("codec", ["gzip", "zstd", "lz4"])
def test_compressed_batches_and_tombstones(play: Play, codec: str) -> None:
    async def scenario(foreign: Foreign) -> None:
        await foreign.subscribe()
        foreign.produce(1, [b"x" * 500, None] * 100, **{"compression.type": codec})
        foreign.node()
        await foreign.taken({1: 200})
        found = {command.source.offset: command.input.value for command in foreign.targets.taken}
        assert found == {at: b"" if at % 2 else b"x" * 500 for at in range(200)}

    play(scenario)


def test_aborted_transactions_are_not_seen_and_lag_comes_to_nothing(play: Play) -> None:
    async def scenario(foreign: Foreign) -> None:
        row = await foreign.subscribe()
        producer = Producer({"bootstrap.servers": foreign.bootstrap, "transactional.id": foreign.topic})
        producer.init_transactions(30)
        for kept in (True, False, True):
            producer.begin_transaction()
            for _ in range(10):
                producer.produce(foreign.topic, b"kept" if kept else b"aborted", b"key", partition=0)
            producer.flush(30)
            if kept:
                producer.commit_transaction(30)
            else:
                producer.abort_transaction(30)
        gateway, subscriptions = foreign.node()
        await until(lambda: len(foreign.offsets(0)) == 20)
        assert {command.input.value for command in foreign.targets.taken} == {b"kept"}
        await until(lambda: gateway.committed(row.id, row.topic_id).get(0) == 33)  # markers have offsets too
        assert (await subscriptions.lag(row.id) or {})[0] == (33, 33)

    play(scenario)


@pytest.mark.row("K8")
def test_two_nodes_share_the_partitions_and_take_over_from_each_other(play: Play) -> None:
    async def scenario(foreign: Foreign) -> None:
        row = await foreign.subscribe()
        commits: dict[tuple[str, str], dict[int, int]] = {}
        _, first = foreign.node(commits)
        for partition in range(SOURCE_PARTITIONS):
            foreign.produce(partition, values(3_000))
        await until(lambda: len(foreign.targets.taken) > 100)
        _, second = foreign.node(commits)
        owned: dict[Subscriptions, set[int]] = {}

        async def look() -> None:
            for node in (first, second):
                owned[node] = set(await node.lag(row.id) or {})

        for _ in range(200):
            await look()
            if owned[first] and owned[second] and len(owned[first] | owned[second]) == SOURCE_PARTITIONS:
                break
            await asyncio.sleep(0.1)
        assert len(owned[first]) == len(owned[second]) == SOURCE_PARTITIONS / 2
        await foreign.taken(dict.fromkeys(range(SOURCE_PARTITIONS), 3_000))
        for partition in range(SOURCE_PARTITIONS):
            foreign.produce(partition, values(1_000))
        await first.stop()
        foreign.produce(0, values(100))
        await foreign.taken({0: 4_100, 1: 4_000, 2: 4_000, 3: 4_000})
        assert set(await second.lag(row.id) or {}) == set(range(SOURCE_PARTITIONS))
        assert foreign.restarts() == 0

    play(scenario)


def test_after_a_kill_records_are_repeated_and_none_is_taken_twice(play: Play) -> None:
    async def scenario(foreign: Foreign) -> None:
        row = await foreign.subscribe(**{"auto.offset.reset": "earliest", "session.timeout.ms": "6000"})
        foreign.produce(0, values(20_000))
        run_until_killed(foreign.targets, 3_000, row, foreign.bootstrap)
        assert len(foreign.targets.taken) < 20_000
        foreign.node()
        await foreign.taken({0: 20_000})
        assert foreign.targets.repeats > 0

    play(scenario)


def test_records_deleted_before_they_were_read_are_counted(play: Play) -> None:
    async def scenario(foreign: Foreign) -> None:
        await foreign.subscribe()
        foreign.produce(0, values(100))
        (future,) = foreign.admin.delete_records([TopicPartition(foreign.topic, 0, 40)]).values()
        future.result(30)
        _, subscriptions = foreign.node()
        await until(lambda: len(foreign.offsets(0)) == 60)
        assert sorted(foreign.offsets(0)) == list(range(40, 100))
        assert subscriptions.reports()[0].counters.lost == 40

    play(scenario)


def test_a_topic_that_was_created_again_is_not_read(play: Play) -> None:
    async def scenario(foreign: Foreign) -> None:
        await foreign.subscribe()
        foreign.delete_topic()
        await asyncio.sleep(1)  # the broker forgets the name in the background
        foreign.create_topic()
        foreign.produce(0, values(10))
        _, subscriptions = foreign.node()
        await until(lambda: "was deleted and created again" in status(subscriptions))
        assert foreign.targets.taken == []

    play(scenario)


def test_a_missing_topic_is_reported_and_read_when_it_is_there(play: Play) -> None:
    async def scenario(foreign: Foreign) -> None:
        row = await foreign.subscribe()
        foreign.row = type(row)(**{f: getattr(row, f) for f in row.__struct_fields__} | {"topic": "not-there"})
        _, subscriptions = foreign.node()
        await until(lambda: "has no topic not-there" in status(subscriptions))
        assert await subscriptions.lag(row.id) is None

    play(scenario)


def test_a_cluster_that_does_not_answer_troubles_only_its_own_subscriptions(play: Play) -> None:
    async def scenario(foreign: Foreign) -> None:
        row = await foreign.subscribe()
        gateway, subscriptions = foreign.node()
        with socket.socket() as listening:  # takes connections and never answers
            listening.bind(("127.0.0.1", 0))
            listening.listen()
            address = f"127.0.0.1:{listening.getsockname()[1]}"
            gateway.kafka_clusters["deaf"] = KafkaCluster("deaf", {"metadata.broker.list": address}, 0)
            deaf = subscription("t", name="sub_deaf", cluster="deaf")
            gateway.subscriptions[deaf.id] = deaf
            subscriptions.refresh()
            foreign.produce(0, values(10))
            await foreign.taken({0: 10})
            await until(lambda: address in {r.subscription: r.status for r in subscriptions.reports()}[deaf.id])
            assert {r.subscription: r.status for r in subscriptions.reports()}[row.id] == "running"
            with pytest.raises(LogUnavailable, match=r"'deaf' at 127\.0\.0\.1"):
                await KafkaSourceResolver().resolve(gateway.kafka_clusters["deaf"], "payments", {})
            del gateway.subscriptions[deaf.id]
            subscriptions.refresh()

    play(scenario)


@pytest.mark.row("K13")
def test_a_cluster_with_other_properties_is_read_by_those(play: Play) -> None:
    async def scenario(foreign: Foreign) -> None:
        await foreign.subscribe()
        right, foreign.cluster = foreign.cluster, KafkaCluster("warehouse", {"bootstrap.servers": "127.0.0.1:1"}, 0)
        gateway, subscriptions = foreign.node()
        foreign.produce(0, values(10))
        await until(lambda: "127.0.0.1:1" in status(subscriptions))
        gateway.kafka_clusters["warehouse"] = right
        subscriptions.refresh()
        await foreign.taken({0: 10})
        assert status(subscriptions) == "running"

    play(scenario)


def test_partitions_that_cannot_move_are_paused_and_go_on_later(play: Play) -> None:
    async def scenario(foreign: Foreign) -> None:
        await foreign.subscribe()
        for partition in (0, 1):
            foreign.produce(partition, [bytes(100_000)] * 400)
        gateway, subscriptions = foreign.node()
        gateway.schema = schema_of()
        await until(lambda: status(subscriptions).count("Account/add is not registered") == 2)
        await asyncio.sleep(3 * PATIENCE_SECONDS)
        gateway.schema = schema_of(handler())
        await foreign.taken({0: 400, 1: 400})
        assert foreign.restarts() == 0

    play(scenario)


def test_what_cannot_be_subscribed_to_says_so(play: Play) -> None:
    async def scenario(foreign: Foreign) -> None:
        with pytest.raises(UnknownTopic, match=f"'warehouse' at {foreign.bootstrap} has no topic absent"):
            await KafkaSourceResolver().resolve(foreign.cluster, "absent", {})

    play(scenario)
