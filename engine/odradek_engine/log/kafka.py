"""The log on a Kafka cluster.

Journals have a producer of their own, apart from all other appends; readers are consumers without a group; topics
are created and checked by an admin client. Invariant: only what all in-sync replicas have counts as acknowledged,
and an error of delivery says "unknown".
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from odradek_engine.log.kafka_admin import EARLIEST, LATEST, KafkaAdmin, since
from odradek_engine.log.kafka_append import KafkaAppend
from odradek_engine.log.kafka_journal import JournalProducers, KafkaJournalWriter
from odradek_engine.log.kafka_producer import PolledProducer
from odradek_engine.log.kafka_reader import KafkaReader
from odradek_engine.log.kafka_settings import (
    APPEND_DELIVERY_TIMEOUT_MS,
    JOURNAL_DELIVERY_TIMEOUT_MS,
    KafkaSettings,
)
from odradek_engine.log.kafka_topics import check_description, check_settings, replication_for, settings_for
from odradek_engine.log.port import (
    JournalListener,
    NewRecord,
    TopicExists,
    TopicInfo,
    TopicSpec,
    UnknownTopic,
)


async def connect_kafka_log(settings: KafkaSettings) -> KafkaLog:
    """Connects to a cluster. Raises `LogUnavailable` where no broker answers within some seconds, or `LogError`."""
    admin = KafkaAdmin(settings)
    cluster = await admin.cluster()
    replication, warning = replication_for(len(cluster.nodes), settings.replication_factor)
    log = KafkaLog(settings, admin, str(cluster.cluster_id), replication)
    if warning is not None:
        log.warnings.append(warning)
    return log


class KafkaLog:
    """The log port on Kafka. `warnings` says what an operator should know about the cluster."""

    rounds_in_flight: int | None = 1
    single_process = False

    def __init__(self, settings: KafkaSettings, admin: KafkaAdmin, cluster_id: str, replication: int) -> None:
        self.warnings: list[str] = []
        self._settings = settings
        self._admin = admin
        self._cluster_id = cluster_id
        self._replication = replication
        self._known: dict[str, TopicInfo] = {}
        self._readers: list[KafkaReader] = []
        loop = asyncio.get_running_loop()
        self._appends = PolledProducer(settings.producer(APPEND_DELIVERY_TIMEOUT_MS), loop)
        self._journals = JournalProducers(lambda: PolledProducer(settings.producer(JOURNAL_DELIVERY_TIMEOUT_MS), loop))

    async def cluster_id(self) -> str:
        """See the port."""
        return self._cluster_id

    async def ensure_topics(self, topics: Sequence[TopicSpec]) -> None:
        """See the port."""
        there = await self._admin.topic_names()
        for spec in topics:
            if spec.name not in there:
                await self._create(spec)
        names = [spec.name for spec in topics]
        descriptions = await self._admin.describe(names)
        settings = await self._admin.settings_of(names)
        for spec in topics:
            description = descriptions.get(spec.name)
            if description is None:
                raise UnknownTopic(f"topic {spec.name} was deleted just now")
            check_description(spec, description, self._replication)
            check_settings(spec, settings[spec.name], self._replication, self._settings.bootstrap_servers)
            self._known[spec.name] = description.info

    async def create_topic(self, name: str, partitions: int, settings: Mapping[str, str] | None = None) -> TopicInfo:
        """See the port; the settings are Kafka's."""
        await self._admin.create(name, partitions, self._replication, settings or {})
        return await self.topic(name)

    async def topics(self) -> Sequence[TopicInfo]:
        """See the port."""
        descriptions = await self._admin.describe(sorted(await self._admin.topic_names()))
        return [descriptions[name].info for name in sorted(descriptions)]

    async def topic(self, name: str) -> TopicInfo:
        """See the port."""
        description = (await self._admin.describe([name])).get(name)
        if description is None:
            raise UnknownTopic(f"no topic {name}")
        self._known[name] = description.info
        return description.info

    def journal_writer(self, topic: str, partition: int, listener: JournalListener) -> KafkaJournalWriter:
        """See the port; the topic is one of those given to `ensure_topics`."""
        known = self._known.get(topic)
        if known is None or not 0 <= partition < known.partitions:
            raise UnknownTopic(f"no partition {topic}/{partition} among the topics that were checked")
        return KafkaJournalWriter(self._journals, topic, partition, listener)

    async def append(self, topic: str, partition: int, records: Sequence[NewRecord]) -> Sequence[int]:
        """See the port."""
        await self._check_partition(topic, partition)
        if not records:
            return []
        return await KafkaAppend(self._appends, topic, partition).send(records)

    async def reader(self, topic: str, partition: int, offset: int) -> KafkaReader:
        """See the port."""
        await self._check_partition(topic, partition)
        self._readers = [reader for reader in self._readers if reader.running]
        self._readers.append(KafkaReader(self._settings.consumer(), topic, partition, offset))
        return self._readers[-1]

    async def begin_offset(self, topic: str, partition: int) -> int:
        """See the port."""
        await self._check_partition(topic, partition)
        return await self._admin.offset(topic, partition, EARLIEST)

    async def end_offset(self, topic: str, partition: int) -> int:
        """See the port; the high watermark."""
        await self._check_partition(topic, partition)
        return await self._admin.offset(topic, partition, LATEST)

    async def offset_for_time(self, topic: str, partition: int, timestamp_ms: int) -> int:
        """See the port."""
        await self._check_partition(topic, partition)
        found = await self._admin.offset(topic, partition, since(timestamp_ms))
        return await self.end_offset(topic, partition) if found < 0 else found

    async def delete_before(self, topic: str, partition: int, offset: int) -> None:
        """See the port."""
        await self._check_partition(topic, partition)
        await self._admin.delete_before(topic, partition, offset)

    async def close(self) -> None:
        """See the port."""
        for reader in self._readers:
            await reader.close()
        self._appends.close()
        await self._journals.close()
        await asyncio.to_thread(self._appends.join)
        for reader in self._readers:
            await asyncio.to_thread(reader.join)
        self._admin.close()

    async def _create(self, spec: TopicSpec) -> None:
        settings = settings_for(spec, self._replication)
        try:
            await self._admin.create(spec.name, spec.partitions, self._replication, settings)
        except TopicExists:  # another node was faster; the check that follows looks at what it made
            return

    async def _check_partition(self, topic: str, partition: int) -> None:
        """Raises `UnknownTopic`; a client that named a topic without asking first might create it."""
        known = self._known.get(topic)
        if known is None or partition >= known.partitions:
            known = await self.topic(topic)
        if not 0 <= partition < known.partitions:
            raise UnknownTopic(f"no partition {topic}/{partition}: the topic has {known.partitions}")
