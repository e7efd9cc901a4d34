"""A node with one subscription that says what its partitions have taken, to be killed in the middle."""

from __future__ import annotations

import asyncio
import sys

import msgspec
from connector_fakes import FakeGateway, Targets

from odradek_connectors import open_subscriptions
from odradek_engine.model.commands import Ingest
from odradek_engine.model.outcomes import AnyOutcome
from odradek_engine.model.rows import KafkaCluster, Subscription


class SpokenTargets(Targets):
    """What is taken is told to the outside before it is acknowledged."""

    def decide(self, command: Ingest) -> AnyOutcome:
        sys.stdout.write(msgspec.msgpack.encode(command).hex() + "\n")
        sys.stdout.flush()
        return super().decide(command)


async def run(bootstrap: str, subscription: Subscription) -> None:
    gateway = FakeGateway(targets=SpokenTargets())
    gateway.kafka_clusters[subscription.cluster] = KafkaCluster(
        subscription.cluster, {"bootstrap.servers": bootstrap}, 0
    )
    gateway.subscriptions[subscription.id] = subscription
    open_subscriptions(gateway, gateway.committed).refresh()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], msgspec.msgpack.decode(bytes.fromhex(sys.argv[2]), type=Subscription)))
