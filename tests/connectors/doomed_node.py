"""A node with one subscription, in a process of its own, that tells what it takes and is killed in the middle."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import msgspec
from connector_fakes import FakeGateway, Targets

from odradek_connectors import open_subscriptions
from odradek_engine.log.embedded import open_embedded_log
from odradek_engine.model.commands import Ingest
from odradek_engine.model.outcomes import AnyOutcome
from odradek_engine.model.rows import KafkaCluster, Subscription


def run_until_killed(targets: Targets, count: int, row: Subscription, place: str) -> None:
    """Runs a node until it has taken `count` records. `place`: a broker's address, or a log's directory.

    What it took goes into `targets`; nothing that it committed to the engine survives.
    """
    command = [sys.executable, __file__, msgspec.msgpack.encode(row).hex(), place]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as doomed:
        assert doomed.stdout is not None
        for line in doomed.stdout:
            if len(targets.taken) == count:
                doomed.kill()
            if line.endswith(b"\n"):
                targets.decide(msgspec.msgpack.decode(bytes.fromhex(line.decode()), type=Ingest))
    assert len(targets.taken) >= count


class SpokenTargets(Targets):
    """What is taken is told to the outside before it is acknowledged."""

    def decide(self, command: Ingest) -> AnyOutcome:
        sys.stdout.write(msgspec.msgpack.encode(command).hex() + "\n")
        sys.stdout.flush()
        return super().decide(command)


async def _run(subscription: Subscription, place: str) -> None:
    gateway = FakeGateway(targets=SpokenTargets())
    if subscription.cluster == "local":
        gateway.log = await open_embedded_log(Path(place))
    else:
        cluster = KafkaCluster(subscription.cluster, {"bootstrap.servers": place}, 0)
        gateway.kafka_clusters[subscription.cluster] = cluster
    gateway.subscriptions[subscription.id] = subscription
    open_subscriptions(gateway, gateway.committed).refresh()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_run(msgspec.msgpack.decode(bytes.fromhex(sys.argv[1]), type=Subscription), sys.argv[2]))
