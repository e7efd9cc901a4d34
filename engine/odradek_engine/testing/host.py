"""The host of a node in memory: virtual time, seeded randomness, a simulated log, and a disk that outlives the node."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from odradek_engine.log.port import Log
from odradek_engine.log.simulated import SimulatedLog
from odradek_engine.log.simulated_cluster import SimulatedCluster
from odradek_engine.node.identity import Identity
from odradek_engine.replica.candidacy import Candidacy
from odradek_engine.store.port import Store
from odradek_engine.testing.loop import VirtualLoop

T = TypeVar("T")


class WorldScheduler:
    """Time and callbacks for the cluster: nothing of it dies with the node that it works for."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.time = loop.time
        self.call_later = loop.call_later_in_world


class VirtualClock:
    """The clocks of a simulation. The wall clock is the simulated cluster's, so that the log agrees with it."""

    def __init__(self, loop: VirtualLoop, cluster: SimulatedCluster) -> None:
        self.monotonic = loop.time
        self.now_ms = cluster.now_ms


class VirtualEnvironment:
    """What handlers take from the outside world. `before_step` may raise in a run block's place."""

    def __init__(self, clock: VirtualClock, before_step: Callable[[str, str], None]) -> None:
        self.now_ms = clock.now_ms
        self.before_step = before_step

    def run_in_thread(self, function: Callable[[], T]) -> asyncio.Future[T]:
        """Runs blocking code in a thread, as far as the loop has any."""
        context = contextvars.copy_context()
        return asyncio.get_running_loop().run_in_executor(None, context.run, function)


@dataclass(frozen=True, kw_only=True)
class MemoryHost:
    """Implements `Host` for one start of a node."""

    loop: VirtualLoop
    clock: VirtualClock
    candidacy: Candidacy
    environment: VirtualEnvironment
    log: SimulatedLog
    disk: Store
    random_bytes: Callable[[int], bytes]
    stretch_bytes: int
    clock_may_be_set: bool = False

    def call_later(self, seconds: float, work: Callable[[], None]) -> asyncio.TimerHandle:
        """See `Host`."""
        return self.loop.call_in_background(seconds, work)

    async def open_log(self) -> Log:
        """See `Host`."""
        return self.log

    def settle_identity(self, cluster_id: str, partitions: int) -> Identity:
        """See `Host`."""
        return Identity("embedded", cluster_id, cluster_id, partitions)

    async def open_store(self) -> Store:
        """See `Host`."""
        return self.disk

    def close(self) -> None:
        """See `Host`."""
