"""Finds the topic that a new subscription names, and where it begins."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping

from odradek_connectors.kafka_properties import admin_settings, brokers_of
from odradek_connectors.kafka_source import find_topic
from odradek_engine.log.kafka_admin import EARLIEST, LATEST, KafkaAdmin
from odradek_engine.model.rows import KafkaCluster
from odradek_engine.model.subscribing import starts_at_begin


class KafkaSourceResolver:
    """Asks foreign Kafka clusters."""

    async def resolve(
        self, cluster: KafkaCluster, topic: str, options: Mapping[str, str]
    ) -> tuple[str, Mapping[int, int]]:
        """The topic's id, and by partition the offset of the first record to take.

        That is the end as it is now, or the begin where `auto.offset.reset` in the options says so. Raises
        `UnknownTopic`, and `LogUnavailable` or another `LogError` where the cluster cannot be asked.
        """
        with contextlib.closing(KafkaAdmin(admin_settings(cluster, options))) as admin:
            info = await find_topic(admin, topic, f"Kafka cluster '{cluster.name}' at {brokers_of(cluster)}")
            spec = EARLIEST if starts_at_begin(options) else LATEST
            offsets = await asyncio.gather(*(admin.offset(topic, each, spec) for each in range(info.partitions)))
        return info.id, dict(enumerate(offsets))
