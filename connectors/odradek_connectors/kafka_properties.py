"""How the clients of a subscribed Kafka cluster are configured: what their users may choose, and what must stay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from odradek_connectors.sources import SourceFailure
from odradek_engine.log.kafka_settings import CONSUMER, FIXED_CONSUMER, FIXED_PRODUCER, SHARED, KafkaSettings
from odradek_engine.model.rows import KafkaCluster, Subscription
from odradek_engine.model.subscribing import OFFSET_RESET

_BROKERS: Final = ("bootstrap.servers", "metadata.broker.list")
_LOCAL_TO_CONSUMERS: Final = frozenset(("group.id", "group.instance.id"))

_DEFAULTS: Final[Mapping[str, str | int | bool]] = {
    **SHARED,
    **CONSUMER,
    "isolation.level": "read_committed",
    "session.timeout.ms": 10_000,
    "topic.metadata.refresh.interval.ms": 30_000,
}

_FIXED: Final[Mapping[str, str | int | bool]] = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "enable.partition.eof": True,
    "partition.assignment.strategy": "cooperative-sticky",
    OFFSET_RESET: "error",
}
"""Offsets are committed only behind what is taken, and nothing is skipped unseen."""


def brokers_of(cluster: KafkaCluster) -> str:
    """The addresses to begin with. Raises `SourceFailure` where the cluster has none."""
    for name in _BROKERS:
        if cluster.properties.get(name):
            return cluster.properties[name]
    raise SourceFailure(f"the Kafka cluster '{cluster.name}' has no property bootstrap.servers")


def consumer_properties(cluster: KafkaCluster, subscription: Subscription) -> dict[str, str | int | bool]:
    """A consumer's configuration: the cluster's properties, the subscription's options over them."""
    chosen = {**cluster.properties, **subscription.options}
    for name in _BROKERS:
        chosen.pop(name, None)
    brokers = subscription.options.get(_BROKERS[0]) or brokers_of(cluster)
    return {**_DEFAULTS, "group.id": subscription.id, **chosen, **_FIXED, "bootstrap.servers": brokers}


def admin_settings(cluster: KafkaCluster, options: Mapping[str, str]) -> KafkaSettings:
    """How to ask a cluster about its topics."""
    not_for_admin = _LOCAL_TO_CONSUMERS | FIXED_CONSUMER.keys() | FIXED_PRODUCER.keys() | _FIXED.keys() | set(_BROKERS)
    chosen = {**cluster.properties, **options}
    properties = {name: value for name, value in chosen.items() if name not in not_for_admin}
    return KafkaSettings(options.get(_BROKERS[0]) or brokers_of(cluster), properties=properties)
