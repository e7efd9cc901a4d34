"""Reads a topic of any Kafka cluster for a subscription, as a member of a consumer group.

Offsets are committed to the group, and to the engine, only behind what is taken: whoever gets a partition next begins
at or before the first record that is not.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final

from odradek_connectors.backoff import Backoff
from odradek_connectors.entrance import Entrance
from odradek_connectors.intake import Intake
from odradek_connectors.kafka_group import GroupMember, PartitionBatch
from odradek_connectors.kafka_properties import admin_settings, brokers_of, consumer_properties
from odradek_connectors.progress import COMMIT_SECONDS, Progress
from odradek_connectors.reports import Health
from odradek_connectors.sources import DRAIN_SECONDS, SourceFailure, check_topic, finish, lag_of, skip_deleted
from odradek_engine.log.kafka_admin import EARLIEST, LATEST, KafkaAdmin
from odradek_engine.log.port import LogError, TopicInfo, UnknownTopic
from odradek_engine.model.rows import KafkaCluster, Subscription

FEED_RECORDS_MAX: Final = 256
TOPIC_CHECK_SECONDS: Final = 10.0
"""How soon it is noticed that a topic was deleted and created again."""
LEAVE_SECONDS: Final = DRAIN_SECONDS + 5.0
"""How long a member may take to leave its group; after that it is left behind."""


class _Assigned:
    """A partition that is ours: what was received of it and is not yet in its intake."""

    def __init__(self, intake: Intake) -> None:
        self.intake = intake
        self.received: deque[PartitionBatch] = deque()
        self.news = asyncio.Event()
        self.task: asyncio.Task[None] | None = None


class KafkaSource:
    """One member of a subscription's consumer group."""

    def __init__(
        self,
        entrance: Entrance,
        subscription: Subscription,
        cluster: KafkaCluster,
        progress: Progress,
        health: Health,
    ) -> None:
        self._entrance = entrance
        self._subscription = subscription
        self._progress = progress
        self._health = health
        self._cluster = f"Kafka cluster '{cluster.name}' at {brokers_of(cluster)}"
        self._admin = KafkaAdmin(admin_settings(cluster, subscription.options))
        self._member = GroupMember(consumer_properties(cluster, subscription), subscription.topic, self)
        self._assigned: dict[int, _Assigned] = {}
        self._end: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._tasks: asyncio.TaskGroup | None = None
        """While partitions can be assigned."""

    async def run(self) -> None:
        """See `Source`."""
        await self._check_topic()
        try:
            async with asyncio.TaskGroup() as self._tasks:
                self._tasks.create_task(self._keep_committing())
                self._tasks.create_task(self._keep_checking())
                self._member.start()
                raise SourceFailure(f"{self._cluster}: {await self._end}")
        finally:
            self._tasks = None

    async def close(self) -> None:
        """See `Source`."""
        await self._member.stop(LEAVE_SECONDS)
        await self.revoked(list(self._assigned))  # nothing is left, unless the member could not leave in time
        self._admin.close()

    async def lag(self) -> Mapping[int, tuple[int, int]]:
        """See `Source`; of the partitions that are ours."""
        intakes = [assigned.intake for assigned in self._assigned.values()]
        return await lag_of(intakes, lambda partition: self._admin.offset(self._subscription.topic, partition, LATEST))

    # --- what the member says ---

    async def assigned(self, committed: Mapping[int, int]) -> Mapping[int, int]:
        """See `GroupOwner`: begins behind all that is known to be taken."""
        if self._tasks is None:
            raise SourceFailure("the subscription stops")
        starts = {}
        for partition, offset in committed.items():
            start = self._progress.start_of(partition, offset)
            starts[partition] = start
            assigned = _Assigned(Intake(self._entrance, self._subscription, partition, start, self._health))
            assigned.task = self._tasks.create_task(self._feed(assigned))
            self._assigned[partition] = assigned
        self._health.well("connection")
        return starts

    async def revoked(self, partitions: Sequence[int]) -> Mapping[int, int]:
        """See `GroupOwner`."""
        gone = [self._assigned.pop(partition) for partition in partitions if partition in self._assigned]
        for assigned in gone:
            assert assigned.task is not None
            assigned.task.cancel()
            self._health.forget(_where(assigned.intake))
        await asyncio.gather(*(each.task for each in gone if each.task), return_exceptions=True)
        await finish([assigned.intake for assigned in gone], self._progress)
        return {assigned.intake.partition: assigned.intake.committable for assigned in gone}

    def received(self, batches: Mapping[int, PartitionBatch]) -> None:
        """See `GroupOwner`."""
        self._health.well("connection")
        for partition, batch in batches.items():
            assigned = self._assigned.get(partition)
            if assigned is not None:
                assigned.received.append(batch)
                assigned.news.set()

    def disturbed(self, text: str) -> None:
        """See `GroupOwner`."""
        self._health.trouble("connection", f"{self._cluster}: {text}")

    def ended(self, error: str) -> None:
        """See `GroupOwner`."""
        if not self._end.done():
            self._end.set_result(error)

    # --- what runs for it ---

    async def _feed(self, assigned: _Assigned) -> None:
        """Brings what is received of one partition into its intake, in order."""
        intake = assigned.intake
        while True:
            await assigned.news.wait()
            assigned.news.clear()
            while assigned.received:
                batch = assigned.received.popleft()
                for at in range(0, len(batch.records), FEED_RECORDS_MAX):
                    records = batch.records[at : at + FEED_RECORDS_MAX]
                    await intake.take(records)
                    self._member.fed(intake.partition, records)
                intake.reached(batch.reached)
                if batch.out_of_range:
                    await self._find_range(intake)
                else:
                    self._health.well(_where(intake))

    async def _find_range(self, intake: Intake) -> None:
        """Reading stopped where the broker has no records: goes on where it has some."""
        topic = self._subscription.topic
        backoff = Backoff()
        while True:
            try:
                begin = await self._admin.offset(topic, intake.partition, EARLIEST)
                end = await self._admin.offset(topic, intake.partition, LATEST)
                skip_deleted(intake, begin, end, self._health)
                break
            except LogError as error:
                self._health.trouble(_where(intake), str(error))
            await asyncio.sleep(backoff.next())
        self._member.seek(intake.partition, intake.position)

    async def _keep_committing(self) -> None:
        while True:
            await asyncio.sleep(COMMIT_SECONDS)
            intakes = [assigned.intake for assigned in self._assigned.values()]
            for intake in intakes:
                await self._progress.commit(intake)
            self._member.commit({intake.partition: intake.committable for intake in intakes})

    async def _keep_checking(self) -> None:
        while True:
            await asyncio.sleep(TOPIC_CHECK_SECONDS)
            try:
                await self._check_topic()
            except (SourceFailure, UnknownTopic):
                raise
            except LogError as error:  # the member says so too, and goes on when it can
                self._health.trouble("connection", str(error))

    async def _check_topic(self) -> None:
        check_topic(self._subscription, await find_topic(self._admin, self._subscription.topic, self._cluster))


async def find_topic(admin: KafkaAdmin, topic: str, cluster: str) -> TopicInfo:
    """A topic as it is; `cluster` is for the texts. Raises `UnknownTopic`, `LogUnavailable`, another `LogError`."""
    try:
        await admin.cluster()
        described = await admin.describe([topic])
    except LogError as error:
        raise type(error)(f"topic {topic} of {cluster}: {error}") from error
    if topic not in described:
        raise UnknownTopic(f"{cluster} has no topic {topic}")
    return described[topic].info


def _where(intake: Intake) -> str:
    return f"reading partition {intake.partition}"
