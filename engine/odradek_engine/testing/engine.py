"""A whole engine in memory, made of the production code, that dies and comes back whenever a test wants it to.

The engine is a node on a virtual loop. What survives a crash is what survives one in production: the log's acknowledged
records and the disk. Whoever asked something waits on, and asks again when the node is back, as a client does that
retries with its idempotency key.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence

from odradek.endpoint import Application
from odradek_engine.config import Config, WorkerConfig
from odradek_engine.invoker.attempts import STRETCH_BYTES
from odradek_engine.log.port import LogError
from odradek_engine.log.simulated_cluster import Faults, SimulatedCluster
from odradek_engine.model.commands import AnyCommand
from odradek_engine.model.outcomes import AnyOutcome
from odradek_engine.node.node import Node
from odradek_engine.replica.candidacy import Silence
from odradek_engine.testing.disk import Disk
from odradek_engine.testing.host import MemoryHost, VirtualClock, VirtualEnvironment, WorldScheduler
from odradek_engine.testing.journal_watch import CrashPoint, JournalWatch, WatchedLog
from odradek_engine.testing.loop import VirtualLoop
from odradek_engine.testing.node import MemoryNode
from odradek_engine.testing.process import Process

NO_FAULTS = Faults(delay_ms=(0.0, 0.0), written_in_spite=0.0)
PARTITIONS = 2
COARSE_BATCH = 1024


class _Asked:
    """A question that has no answer yet."""

    __slots__ = ("again", "command", "future")

    def __init__(self, command: AnyCommand, again: AnyCommand, future: asyncio.Future[AnyOutcome]) -> None:
        self.command = command
        self.again = again
        self.future = future


class MemoryEngine:
    """One node over all of its lives.

    `before_step`: called with `Service/handler` and the name before a run block's action; what it raises fails the
    step. `one_entry_a_record`: a crash point lies between any two journal entries; otherwise records are filled as in
    production.
    """

    def __init__(
        self,
        applications: Sequence[Application],
        *,
        seed: int = 0,
        partitions: int = PARTITIONS,
        one_entry_a_record: bool = True,
        faults: Faults = NO_FAULTS,
        loop: VirtualLoop | None = None,
        before_step: Callable[[str, str], None] = lambda _target, _name: None,
    ) -> None:
        self.loop = VirtualLoop() if loop is None else loop
        self.cluster = SimulatedCluster(seed, WorldScheduler(self.loop), faults)
        self.clock = VirtualClock(self.loop, self.cluster)
        self.disk = Disk()
        self.random = random.Random(seed)
        self.watch = JournalWatch(self._reached)
        self.crashes = 0
        self.crashes_at: Callable[[CrashPoint, bytes], bool] = lambda _point, _record: False
        """Asked at every crash point, with its journal record, whether the node dies there."""
        self.failure: Exception | None = None
        """Why the node has stopped for good."""
        config = Config(
            node_name="memory",
            default_num_partitions=partitions,
            worker=WorkerConfig(max_command_batch_size=1 if one_entry_a_record else COARSE_BATCH),
        )
        self._lives = MemoryNode("memory", self.loop, config, applications, self)
        self._stretch_bytes = 0 if one_entry_a_record else STRETCH_BYTES
        self._environment = VirtualEnvironment(self.clock, before_step)
        self._serving: asyncio.Future[None] = self.loop.create_future()
        self._asked: dict[int, _Asked] = {}
        self._asked_count = 0

    # --- life ---

    @property
    def node(self) -> Node:
        """The node in its present life."""
        return self._lives.node

    async def start(self) -> None:
        """Starts the node, for the first time or after a crash. Raises what it cannot start with."""
        self._lives.begin()
        await self.serving_again()

    async def serving_again(self) -> None:
        """Returns when the node takes commands. Raises what it cannot start with."""
        await self._serving

    def make_host(self, process: Process) -> MemoryHost:
        """See `NodeOwner`."""
        return MemoryHost(
            loop=self.loop,
            clock=self.clock,
            candidacy=Silence(self.clock),
            environment=self._environment,
            log=WatchedLog(self.cluster, self.watch, process),
            disk=self.disk,
            random_bytes=self.random.randbytes,
            stretch_bytes=self._stretch_bytes,
        )

    def serving(self, _node: Node) -> None:
        """See `NodeOwner`."""
        self._serving.set_result(None)
        for number in sorted(self._asked):
            self._submit(number)

    def cannot_start(self, error: Exception) -> None:
        """See `NodeOwner`; where the log cannot be reached, its supervisor starts it again."""
        if isinstance(error, LogError):
            self._crash_and_begin()
        else:
            self.cannot_go_on(error)

    async def stop(self) -> None:
        """Stops the node in good order."""
        await self._lives.stop()

    def crash(self, *, power: bool = False) -> None:
        """Kills the node, as kill -9 does; `power`: the disk forgets what was not synced."""
        self.crashes += 1
        self._lives.kill()
        if power:
            self.disk.lose_power()
        if self._serving.done():
            self._serving = self.loop.create_future()

    def _reached(self, point: CrashPoint, record: bytes) -> bool:
        if self._lives.alive and self.crashes_at(point, record):
            self._crash_and_begin()
        return not self._lives.alive

    def _crash_and_begin(self) -> None:
        self.crash()
        self.loop.call_in_world(self._lives.begin)

    def cannot_go_on(self, error: Exception) -> None:
        """See `NodeOwner`."""
        self.failure = error
        if not self._serving.done():
            self._serving.set_exception(error)
        asked, self._asked = self._asked, {}
        for each in asked.values():
            if not each.future.done():
                each.future.set_exception(error)

    # --- questions ---

    def ask(self, command: AnyCommand, again: AnyCommand | None = None) -> asyncio.Future[AnyOutcome]:
        """Asks the partition that owns an invocation; after a crash asks `again`, or the same. Raises `Overloaded`."""
        if self.failure is not None:
            raise self.failure
        future: asyncio.Future[AnyOutcome] = self.loop.create_future()
        self._asked_count += 1
        number = self._asked_count
        self._asked[number] = _Asked(command, command if again is None else again, future)
        if self._lives.alive and self._serving.done():
            self._submit(number)
        return future

    def _submit(self, number: int) -> None:
        process = self._lives.process
        asked = self._asked[number]
        command, asked.command = asked.command, asked.again

        def reply(outcome: AnyOutcome) -> None:
            if process.alive:
                self._asked.pop(number, None)
                if not asked.future.done():
                    asked.future.set_result(outcome)

        process.run(self.node.submit, command, reply)
