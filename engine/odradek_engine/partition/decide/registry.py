"""Registry commands, decided by partition 0: Kafka clusters and subscriptions."""

from __future__ import annotations

from msgspec.structs import replace

from odradek_engine.model.commands import (
    ChangeKafkaCluster,
    CreateKafkaCluster,
    CreateSubscription,
    DeleteKafkaCluster,
    DeleteSubscription,
)
from odradek_engine.model.effects import RegistryChanged
from odradek_engine.model.events import KafkaClusterChanged, SubscriptionChanged
from odradek_engine.model.outcomes import Done, Refused
from odradek_engine.model.subscribing import LOCAL_CLUSTER
from odradek_engine.partition.decide.decision import Decision


def decide_cluster(d: Decision, command: CreateKafkaCluster) -> None:
    """A new name."""
    name = command.cluster.name
    if name == LOCAL_CLUSTER or d.tables.clusters.get(name.encode()) is not None:
        d.answer(Refused(409, f"kafka cluster '{name}' already exists in schema registry"))
        return
    d.emit(KafkaClusterChanged(name, command.cluster))
    d.effect(RegistryChanged())
    d.answer(Done())


def decide_cluster_change(d: Decision, command: ChangeKafkaCluster) -> None:
    """Its subscriptions begin anew with these properties."""
    known = d.tables.clusters.get(command.name.encode())
    if known is None:
        d.answer(_unknown_cluster(command.name))
        return
    d.emit(KafkaClusterChanged(command.name, replace(known, properties=command.properties)))
    d.effect(RegistryChanged())
    d.answer(Done())


def decide_cluster_deletion(d: Decision, command: DeleteKafkaCluster) -> None:
    """Refused while subscriptions read from it, unless forced."""
    if d.tables.clusters.get(command.name.encode()) is None:
        d.answer(_unknown_cluster(command.name))
        return
    users = [row.id for _, row in d.tables.subscriptions.rows() if row.cluster == command.name]
    if users and not command.force:
        d.answer(Refused(409, f"The Kafka cluster '{command.name}' is used by the subscriptions {', '.join(users)}"))
        return
    d.emit(KafkaClusterChanged(command.name, None))
    d.effect(RegistryChanged())
    d.answer(Done())


def _unknown_cluster(name: str) -> Refused:
    return Refused(404, f"The requested Kafka cluster '{name}' does not exist")


def decide_subscription(d: Decision, command: CreateSubscription) -> None:
    """Reading begins once this is durable."""
    d.emit(SubscriptionChanged(command.subscription.id, command.subscription))
    d.effect(RegistryChanged())
    d.answer(Done())


def decide_subscription_deletion(d: Decision, command: DeleteSubscription) -> None:
    """Reading stops; what was taken still runs."""
    if d.tables.subscriptions.get(command.id.encode()) is None:
        d.answer(Refused(404, f"The requested subscription '{command.id}' does not exist"))
        return
    d.emit(SubscriptionChanged(command.id, None))
    d.effect(RegistryChanged())
    d.answer(Done())
