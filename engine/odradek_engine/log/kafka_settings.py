"""How the engine's Kafka clients are configured: what their users may choose, and what must stay as it is."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from odradek_engine.log.checks import RECORD_BYTES_MAX
from odradek_engine.log.port import LogError

JOURNAL_DELIVERY_TIMEOUT_MS = 45_000
"""After that a journal record's fate counts as unknown; longer than a broker's death takes to be noticed."""

APPEND_DELIVERY_TIMEOUT_MS = 60_000

SHARED: Mapping[str, str | int | bool] = {
    "client.id": "odradek",
    "log_level": 0,
    "socket.nagle.disable": True,
    "reconnect.backoff.ms": 50,
    "reconnect.backoff.max.ms": 1_000,
}
"""librdkafka's own log goes to standard error in its own form; what matters comes in errors instead."""

PRODUCER: Mapping[str, str | int | bool] = {
    "linger.ms": 0,
    "retry.backoff.ms": 20,
    "message.max.bytes": RECORD_BYTES_MAX,
}

CONSUMER: Mapping[str, str | int | bool] = {
    "group.id": "odradek-readers",
    "fetch.wait.max.ms": 100,
    "fetch.error.backoff.ms": 50,
    "fetch.max.bytes": 2 * RECORD_BYTES_MAX,
    "receive.message.max.bytes": 3 * RECORD_BYTES_MAX,
    "queued.max.messages.kbytes": 16 * 1024,
    "fetch.queue.backoff.ms": 5,
    "topic.metadata.refresh.interval.ms": 60_000,
}

FIXED_PRODUCER: Mapping[str, str | int | bool] = {"enable.idempotence": True, "acks": "all"}

FIXED_CONSUMER: Mapping[str, str | int | bool] = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "enable.partition.eof": True,
    "auto.offset.reset": "error",
    "isolation.level": "read_committed",
}

_ALIASES = {"request.required.acks"}
_FIXED = {*FIXED_PRODUCER, *FIXED_CONSUMER, *_ALIASES, "transactional.id", "bootstrap.servers", "metadata.broker.list"}


class KafkaSettings(msgspec.Struct, frozen=True):
    """How to reach a Kafka cluster. `properties` go to librdkafka as they are.

    `replication_factor` None: 3, or 1 where the cluster has one broker.
    """

    bootstrap_servers: str
    replication_factor: int | None = None
    properties: dict[str, str] = {}

    def admin(self) -> dict[str, str | int | bool]:
        """An admin client's configuration."""
        return {**SHARED, **self._chosen(), "bootstrap.servers": self.bootstrap_servers}

    def producer(self, delivery_timeout_ms: int) -> dict[str, str | int | bool]:
        """A producer's configuration."""
        timeout = {"delivery.timeout.ms": delivery_timeout_ms}
        return {**self.admin(), **timeout, **PRODUCER, **self._chosen(), **FIXED_PRODUCER}

    def consumer(self) -> dict[str, str | int | bool]:
        """A reader's configuration."""
        return {**self.admin(), **CONSUMER, **self._chosen(), **FIXED_CONSUMER}

    def _chosen(self) -> dict[str, str]:
        fixed = sorted(_FIXED & self.properties.keys())
        if fixed:
            raise LogError(f"the Kafka property {fixed[0]} cannot be chosen: the journal's safety rests on it")
        return self.properties
