"""A subscription: its topic in the simulated log, the outsiders who write to it, and the readers of each node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from odradek_connectors import open_subscriptions
from odradek_connectors.subscriptions import Subscriptions
from odradek_engine.gateway import Overloaded
from odradek_engine.log.checks import user_topic
from odradek_engine.log.port import NewRecord
from odradek_engine.model.commands import CreateSubscription
from odradek_engine.model.outcomes import AnyOutcome
from odradek_engine.model.rows import Subscription
from odradek_engine.node.node import Node
from simulation.plan import Request

if TYPE_CHECKING:
    from simulation.world import World

TOPIC: Final = "events"
PARTITIONS: Final = 2
SUBSCRIPTION: Final = "sub_1"
HANDLER: Final = ("Sink", "take_record")


class Subscribing:
    """What a run has of subscriptions."""

    def __init__(self, world: World) -> None:
        self.records = 0
        self._world = world
        self._wanted = any(request.kind == "produce" for request in world.plan.requests)
        if self._wanted:
            world.cluster.create(user_topic(TOPIC, PARTITIONS, {}))

    @property
    def behind(self) -> bool:
        """Whether there are records that no journal has."""
        return self._world.met["event SourceTaken"] < self.records

    def open(self, node: Node) -> None:
        """A node serves: it reads, and its operator has made the subscription. In the node's process."""
        if not self._wanted:
            return
        readers: Subscriptions = open_subscriptions(node, node.committed_offsets)
        node.readers = readers
        readers.refresh()
        self._subscribe(node)

    def _subscribe(self, node: Node) -> None:
        if SUBSCRIPTION in node.subscriptions:
            return
        _, topic_id = self._world.cluster.topics[TOPIC]
        service, handler = HANDLER
        starts = dict.fromkeys(range(PARTITIONS), 0)
        now = node.clock.now_ms()
        subscription = Subscription(SUBSCRIPTION, "local", TOPIC, service, handler, {}, now, topic_id, starts)
        try:
            node.processors[0].submit(CreateSubscription(subscription), _nobody)
        except Overloaded:
            self._world.loop.call_later(1.0, self._subscribe, node)

    def produce(self, request: Request) -> None:
        """Somebody writes records: `[[partition, key, value], ...]`, texts as latin-1, None where there is none."""
        for partition, key, value in request.body:
            place = self._world.cluster.partitions[TOPIC, partition % PARTITIONS]
            self.records += 1
            self._world.cluster.put(place, NewRecord(_bytes(value), _bytes(key)))


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else text.encode("latin-1")


def _nobody(_outcome: AnyOutcome) -> None:
    """Nobody waits for it: the next life looks again."""
