"""Runs all subscriptions of a node: one task for each, which owns everything that works for it.

A failing subscription is tried again, ever less often, and holds up no other one. One that changes or goes is stopped
first: what it has sent is taken and committed before its successor begins.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from odradek_connectors.backoff import LONGEST_SECONDS, Backoff
from odradek_connectors.entrance import Entrance
from odradek_connectors.local_source import LocalSource
from odradek_connectors.progress import CommittedOffsets, Progress
from odradek_connectors.reports import Health, SubscriptionReport
from odradek_connectors.sources import Source, SourceFailure
from odradek_engine.gateway import Gateway
from odradek_engine.log.port import LogError
from odradek_engine.model.rows import KafkaCluster, Subscription
from odradek_engine.model.subscribing import LOCAL_CLUSTER

_log = logging.getLogger(__name__)


class _Wanted(NamedTuple):
    """What a subscription's task was started with; another value means another task."""

    subscription: Subscription
    cluster: KafkaCluster | None


class _Running:
    """One subscription's task."""

    def __init__(self, wanted: _Wanted, health: Health) -> None:
        self.wanted = wanted
        self.health = health
        self.source: Source | None = None
        self.task: asyncio.Task[None] | None = None


class Subscriptions:
    """Keeps the tasks in step with the registry. For the loop's thread."""

    def __init__(self, gateway: Gateway, committed: CommittedOffsets) -> None:
        self._gateway = gateway
        self._entrance = Entrance(gateway)
        self._committed = committed
        self._running: dict[str, _Running] = {}
        self._stopping: set[asyncio.Task[None]] = set()
        self._stopped = False

    def refresh(self) -> None:
        """The registry has changed: starts, restarts and stops what it says now."""
        if self._stopped:
            return
        clusters = self._gateway.kafka_clusters
        wanted = {
            name: _Wanted(subscription, clusters.get(subscription.cluster))
            for name, subscription in self._gateway.subscriptions.items()
        }
        for name in [name for name, running in self._running.items() if wanted.get(name) != running.wanted]:
            self._stop_one(name)
        for name in wanted.keys() - self._running.keys():
            running = _Running(wanted[name], Health(name, self._gateway.clock))
            predecessors = [task for task in self._stopping if task.get_name() == name]
            running.task = asyncio.create_task(self._keep_running(running, predecessors), name=name)
            self._running[name] = running

    def reports(self) -> Sequence[SubscriptionReport]:
        """Counters and troubles of all subscriptions."""
        return [running.health.report() for running in self._running.values()]

    def status(self, subscription: str) -> str | None:
        """`running`, or what troubles a subscription; None for an unknown one."""
        running = self._running.get(subscription)
        return None if running is None else running.health.report().status

    async def lag(self, subscription: str) -> Mapping[int, tuple[int, int]] | None:
        """By source partition: the next offset to take, and the end offset. None while unknown."""
        running = self._running.get(subscription)
        if running is None or running.source is None:
            return None
        try:
            return await running.source.lag() or None
        except LogError:
            return None

    async def stop(self) -> None:
        """Stops reading, lets what was sent be taken, commits it. Takes some seconds at most."""
        self._stopped = True
        for name in list(self._running):
            self._stop_one(name)
        if self._stopping:
            await asyncio.wait(self._stopping)

    def _stop_one(self, name: str) -> None:
        task = self._running.pop(name).task
        assert task is not None
        task.cancel()
        self._stopping.add(task)
        task.add_done_callback(self._stopping.discard)

    async def _keep_running(self, running: _Running, predecessors: Sequence[asyncio.Task[None]]) -> None:
        if predecessors:
            await asyncio.wait(predecessors)
        backoff = Backoff()
        clock = self._gateway.clock
        while True:
            began = clock.monotonic()
            try:
                await self._run(running)
            except Exception as error:
                cause = _cause(error)
                if not isinstance(cause, LogError):
                    _log.error("subscription %s failed", running.health.subscription, exc_info=cause)
                running.health.trouble("source", str(cause) or repr(cause))
            running.health.counters.restarts += 1
            if clock.monotonic() - began > LONGEST_SECONDS:
                backoff.reset()
            await asyncio.sleep(backoff.next())

    async def _run(self, running: _Running) -> None:
        source = self._open(running)
        running.source = source
        try:
            await source.run()
        finally:
            await source.close()
            running.source = None

    def _open(self, running: _Running) -> Source:
        subscription, cluster = running.wanted
        progress = Progress(self._gateway, subscription, self._committed, running.health)
        if subscription.cluster == LOCAL_CLUSTER:
            return LocalSource(self._entrance, subscription, progress, running.health)
        if cluster is None:
            raise SourceFailure(f"the Kafka cluster '{subscription.cluster}' is not registered; create it to go on")
        from odradek_connectors.kafka_source import KafkaSource

        return KafkaSource(self._entrance, subscription, cluster, progress, running.health)


def _cause(error: Exception) -> Exception:
    """What really failed, where several tasks ended together."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
