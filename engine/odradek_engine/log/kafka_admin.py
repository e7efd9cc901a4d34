"""Administrative requests to a Kafka cluster, awaited and tried again while a partition has no leader."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from confluent_kafka import KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # its public names come from private modules
    AdminClient,
    ConfigResource,
    DescribeClusterResult,
    ListOffsetsResultInfo,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from odradek_engine.log.kafka_errors import is_unavailable, log_error
from odradek_engine.log.kafka_settings import KafkaSettings
from odradek_engine.log.kafka_topics import DescribedTopic
from odradek_engine.log.port import LogUnavailable, TopicInfo, UnknownTopic

EARLIEST = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
LATEST = OffsetSpec.latest()  # type: ignore[no-untyped-call]

REQUEST_SECONDS = 8.0
"""How long one request may take; also how long the brokers may stay silent at the start."""

RETRY_SECONDS = 10.0
"""How long a request is tried again while trying again may help."""

RETRY_PAUSE_SECONDS = 0.05

_T = TypeVar("_T")


def since(timestamp_ms: int) -> OffsetSpec:
    """Asks for the first offset whose record is at least that young."""
    spec: OffsetSpec = OffsetSpec.for_timestamp(timestamp_ms)
    return spec


class KafkaAdmin:
    """A cluster's administration. Close it: its client has threads, which end with that."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._first_failure = ""
        config: dict[str, Any] = {**settings.admin(), "error_cb": self._failed}
        self._open_client: AdminClient | None = AdminClient(config)

    @property
    def _client(self) -> AdminClient:
        if self._open_client is None:
            raise LogUnavailable(f"the way to Kafka at {self._settings.bootstrap_servers} is closed")
        return self._open_client

    def close(self) -> None:
        """Drops the client; requests under way fail."""
        self._open_client = None

    async def cluster(self) -> DescribeClusterResult:
        """The cluster's identity and brokers. `LogUnavailable` where no broker answers within `REQUEST_SECONDS`."""
        self._first_failure = ""
        try:
            return await asyncio.wrap_future(self._client.describe_cluster(request_timeout=REQUEST_SECONDS))
        except KafkaException as error:
            self._client.poll(0)  # has librdkafka tell its own errors, which name the cause
            cause = self._first_failure or error.args[0].str()
            text = f"no Kafka broker answers at {self._settings.bootstrap_servers}: {cause}"
            raise LogUnavailable(text) from error

    async def topic_names(self) -> set[str]:
        """All topics but Kafka's internal ones."""
        try:
            metadata = await asyncio.to_thread(self._client.list_topics, timeout=REQUEST_SECONDS)
        except KafkaException as error:
            raise log_error("the topics cannot be listed", error) from error
        return {name for name in metadata.topics if not name.startswith("__")}

    async def describe(self, names: Sequence[str]) -> dict[str, DescribedTopic]:
        """Topics as they are; those that are not there are left out."""
        if not names:
            return {}
        futures = self._client.describe_topics(TopicCollection(list(names)), request_timeout=REQUEST_SECONDS)
        found: dict[str, DescribedTopic] = {}
        for name, future in futures.items():
            try:
                topic = await asyncio.wrap_future(future)
            except KafkaException as error:
                failure = log_error(f"topic {name} cannot be described", error)
                if not isinstance(failure, UnknownTopic):
                    raise failure from error
                continue
            replication = min(len(partition.replicas) for partition in topic.partitions)
            found[name] = DescribedTopic(TopicInfo(name, str(topic.topic_id), len(topic.partitions)), replication)
        return found

    async def settings_of(self, names: Sequence[str]) -> dict[str, Mapping[str, str | None]]:
        """The settings of topics, by topic and name."""
        if not names:
            return {}
        resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
        found: dict[str, Mapping[str, str | None]] = {}
        for resource, future in self._client.describe_configs(resources, request_timeout=REQUEST_SECONDS).items():
            try:
                entries = await asyncio.wrap_future(future)
            except KafkaException as error:
                raise log_error(f"the settings of topic {resource.name} cannot be had", error) from error
            found[resource.name] = {name: entry.value for name, entry in entries.items()}
        return found

    async def create(self, name: str, partitions: int, replication: int, settings: Mapping[str, str]) -> None:
        """Creates a topic and waits until every partition of it has a leader. `TopicExists`."""
        topic = NewTopic(name, partitions, replication, config=dict(settings))
        futures = self._client.create_topics([topic], request_timeout=REQUEST_SECONDS)
        try:
            await asyncio.wrap_future(futures[name])
        except KafkaException as error:
            raise log_error(f"topic {name} was not created", error) from error
        for partition in range(partitions):
            await self.offset(name, partition, LATEST)

    async def offset(self, topic: str, partition: int, spec: OffsetSpec) -> int:
        """An offset of a partition; below 0 where there is none."""
        place = TopicPartition(topic, partition)
        found: ListOffsetsResultInfo = await self._retried(
            f"the offsets of {topic}/{partition} cannot be had",
            lambda: self._client.list_offsets({place: spec}, request_timeout=REQUEST_SECONDS)[place],
        )
        return int(found.offset)

    async def delete_before(self, topic: str, partition: int, offset: int) -> None:
        """Deletes the records before an offset; `OffsetOutOfRange` beyond the end."""
        place = TopicPartition(topic, partition, offset)
        await self._retried(
            f"records of {topic}/{partition} before {offset} were not deleted",
            lambda: self._client.delete_records([place], request_timeout=REQUEST_SECONDS)[place],
        )

    async def _retried(self, what: str, request: Callable[[], Future[_T]]) -> _T:
        """Asks about a topic that is known to be there, again while its leaders are not known."""
        deadline = time.monotonic() + RETRY_SECONDS
        while True:
            try:
                return await asyncio.wrap_future(request())
            except KafkaException as error:
                failure = log_error(what, error)
                again = is_unavailable(error) or isinstance(failure, UnknownTopic)
                if not again or time.monotonic() > deadline:
                    raise failure from error
            await asyncio.sleep(RETRY_PAUSE_SECONDS)
            await self.topic_names()  # has librdkafka forget that it once did not find the topic

    def _failed(self, error: KafkaError) -> None:
        self._first_failure = self._first_failure or error.str()
