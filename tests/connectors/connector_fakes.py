"""A gateway for the tests of connectors: its target partitions follow the rule for source records, no more."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from odradek.protocol.manifest import OnMaxAttempts
from odradek_engine.gateway import Overloaded, Reply
from odradek_engine.model.commands import AnyCommand, CommitSource, Ingest
from odradek_engine.model.outcomes import AnyOutcome, Done, Refused
from odradek_engine.model.registry import HandlerSchema, RetryPolicy, Schema
from odradek_engine.model.rows import KafkaCluster, Subscription
from odradek_engine.model.target import TargetKind
from odradek_engine.partition.routing import partition_of_invocation

PARTITIONS = 2
WAIT_SECONDS = 30.0


def handler(
    kind: TargetKind = TargetKind.OBJECT_EXCLUSIVE, service: str = "Account", name: str = "add"
) -> HandlerSchema:
    return HandlerSchema(
        service, name, kind, True, 0, 1000, 0, 0, False,
        RetryPolicy(50, 2.0, 1000, None, OnMaxAttempts.PAUSE),
        False, "*/*", None, False,
    )  # fmt: skip


def schema_of(*handlers: HandlerSchema) -> Schema:
    return Schema({}, {(found.service, found.handler): found for found in handlers}, {})


def subscription(
    topic_id: str,
    start: Mapping[int, int] | None = None,
    name: str = "sub_1",
    cluster: str = "local",
    topic: str = "payments",
    options: Mapping[str, str] | None = None,
) -> Subscription:
    return Subscription(name, cluster, topic, "Account", "add", dict(options or {}), 0, topic_id, dict(start or {}))


class Targets:
    """What the engine's partitions have taken, by the rule that `partition.decide.ingest` keeps."""

    def __init__(self) -> None:
        self.watermarks: dict[tuple[int, str, str, int], int] = {}
        self.taken: list[Ingest] = []
        self.repeats = 0

    def decide(self, command: Ingest) -> AnyOutcome:
        source = command.source
        place = (
            partition_of_invocation(command.invocation.id, PARTITIONS),
            source.subscription,
            source.topic_id,
            source.partition,
        )
        watermark = self.watermarks.get(place, -1)
        if source.offset <= watermark:
            self.repeats += 1
            return Done()
        if source.previous > watermark:
            return Refused(409, f"record {source.previous} is missing")
        self.watermarks[place] = source.offset
        self.taken.append(command)
        return Done()

    def offsets(self, partition: int, subscription: str = "sub_1") -> list[int]:
        """What was taken of a source partition, in the order of taking."""
        return [
            command.source.offset
            for command in self.taken
            if command.source.partition == partition and command.source.subscription == subscription
        ]


class WallClock:
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()


class FakeGateway:
    """A node whose answers come one loop pass later; `holding` keeps them back, `capacity` bounds what waits."""

    clock = WallClock()
    partitions = PARTITIONS

    def __init__(self, log: Any = None, targets: Targets | None = None) -> None:
        self.log = log
        self.targets = targets or Targets()
        self.schema = schema_of(handler())
        self.kafka_clusters: dict[str, KafkaCluster] = {}
        self.subscriptions: dict[str, Subscription] = {}
        self.commits: dict[tuple[str, str], dict[int, int]] = {}
        self.capacity = 1000
        self.holding = False
        self.refuse: Callable[[Ingest], Refused | None] = lambda command: None
        self.overloads = 0
        self.queue: deque[tuple[Ingest, Reply]] = deque()
        self._scheduled = False

    def committed(self, subscription: str, topic_id: str) -> Mapping[int, int]:
        return self.commits.get((subscription, topic_id), {})

    def random_bytes(self, count: int) -> bytes:
        return bytes(count)

    def submit(self, command: AnyCommand, reply: Reply) -> None:
        assert isinstance(command, Ingest)
        if len(self.queue) >= self.capacity:
            self.overloads += 1
            raise Overloaded
        self.queue.append((command, reply))
        if not self._scheduled and not self.holding:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self.take_turn)

    def take_turn(self, count: int | None = None) -> None:
        """Decides what waits, or the first `count` of it."""
        self._scheduled = False
        for _ in range(len(self.queue) if count is None else count):
            command, reply = self.queue.popleft()
            reply(self.refuse(command) or self.targets.decide(command))

    def detach(self, invocation: bytes, reply: Reply) -> None:
        raise NotImplementedError

    async def ask(self, command: AnyCommand) -> AnyOutcome:
        raise NotImplementedError

    async def ask_registry(self, command: AnyCommand) -> AnyOutcome:
        assert isinstance(command, CommitSource)
        await asyncio.sleep(0)
        partitions = self.commits.setdefault((command.subscription, command.topic_id), {})
        partitions[command.partition] = max(command.offset, partitions.get(command.partition, 0))
        return Done()

    def reading_status(self, subscription: str) -> str | None:
        raise NotImplementedError

    async def object_state(self, service: str, key: str) -> Mapping[bytes, bytes]:
        raise NotImplementedError

    async def lag(self, subscription: str) -> Mapping[int, tuple[int, int]] | None:
        raise NotImplementedError

    async def query(self, sql: str) -> list[Mapping[str, object]]:
        raise NotImplementedError
