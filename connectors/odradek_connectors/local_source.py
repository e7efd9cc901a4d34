"""Reads a topic of the node's own log for a subscription."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from odradek_connectors.backoff import Backoff
from odradek_connectors.entrance import Entrance
from odradek_connectors.intake import Intake
from odradek_connectors.progress import Progress
from odradek_connectors.reports import Health
from odradek_connectors.sources import check_topic, finish, lag_of, skip_deleted
from odradek_engine.log.port import LogError, LogUnavailable, OffsetOutOfRange
from odradek_engine.model.rows import Subscription

READ_RECORDS_MAX: Final = 256
READ_WAIT_MS: Final = 1_000
TOPIC_CHECK_SECONDS: Final = 10.0
"""How soon it is noticed that a topic has new partitions, or is another one now."""


class LocalSource:
    """All partitions of one topic, each read by a task of its own."""

    def __init__(self, entrance: Entrance, subscription: Subscription, progress: Progress, health: Health) -> None:
        self._entrance = entrance
        self._log = entrance.gateway.log
        self._subscription = subscription
        self._progress = progress
        self._health = health
        self._intakes: dict[int, Intake] = {}

    async def run(self) -> None:
        """See `Source`."""
        partitions = await self._check_topic()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._progress.keep_committing(self._intakes.values))
            while True:
                for partition in range(len(self._intakes), partitions):
                    start = self._progress.start_of(partition)
                    intake = Intake(self._entrance, self._subscription, partition, start, self._health)
                    self._intakes[partition] = intake
                    tasks.create_task(self._keep_reading(intake))
                await asyncio.sleep(TOPIC_CHECK_SECONDS)
                try:
                    partitions = await self._check_topic()
                except LogUnavailable as error:
                    self._health.trouble("source", str(error))

    async def close(self) -> None:
        """See `Source`."""
        await finish(self._intakes.values(), self._progress)

    async def lag(self) -> Mapping[int, tuple[int, int]]:
        """See `Source`."""
        topic = self._subscription.topic
        return await lag_of(self._intakes.values(), lambda partition: self._log.end_offset(topic, partition))

    async def _check_topic(self) -> int:
        """The topic's partition count. Raises `SourceFailure`, `LogError`."""
        topic = await self._log.topic(self._subscription.topic)
        check_topic(self._subscription, topic)
        self._health.well("source")
        return topic.partitions

    async def _keep_reading(self, intake: Intake) -> None:
        """Reads one partition, again after every failure."""
        backoff = Backoff()
        where = f"reading partition {intake.partition}"
        while True:
            try:
                await self._read(intake, where, backoff)
            except OffsetOutOfRange:
                try:
                    await self._skip_deleted(intake)
                    continue
                except LogError as error:
                    self._health.trouble(where, str(error))
            except LogError as error:
                self._health.trouble(where, str(error))
            self._health.counters.restarts += 1
            await asyncio.sleep(backoff.next())

    async def _read(self, intake: Intake, where: str, backoff: Backoff) -> None:
        reader = await self._log.reader(self._subscription.topic, intake.partition, intake.position)
        try:
            while True:
                records = await reader.read(min(READ_RECORDS_MAX, intake.room), READ_WAIT_MS)
                backoff.reset()
                self._health.well(where)
                if records:
                    await intake.take(records)
                intake.reached(reader.position)
        finally:
            await reader.close()

    async def _skip_deleted(self, intake: Intake) -> None:
        topic = self._subscription.topic
        begin = await self._log.begin_offset(topic, intake.partition)
        end = await self._log.end_offset(topic, intake.partition)
        skip_deleted(intake, begin, end, self._health)
