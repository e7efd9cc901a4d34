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
from odradek_engine.testing.disk import Disk
from odradek_engine.testing.host import MemoryHost, VirtualClock, VirtualEnvironment
from odradek_engine.testing.journal_watch import CrashPoint, JournalWatch, WatchedLog
from odradek_engine.testing.loop import VirtualLoop
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
        self.cluster = SimulatedCluster(seed, self.loop, faults)
        self.clock = VirtualClock(self.loop, self.cluster)
        self.disk = Disk()
        self.random = random.Random(seed)
        self.watch = JournalWatch(self._reached)
        self.crashes = 0
        self.crashes_at: Callable[[CrashPoint, bytes], bool] = lambda _point, _record: False
        """Asked at every crash point, with its journal record, whether the node dies there."""
        self.failure: Exception | None = None
        """Why the node has stopped for good."""
        self.node: Node
        self._applications = applications
        self._config = Config(
            node_name="memory",
            default_num_partitions=partitions,
            worker=WorkerConfig(max_command_batch_size=1 if one_entry_a_record else COARSE_BATCH),
        )
        self._stretch_bytes = 0 if one_entry_a_record else STRETCH_BYTES
        self._environment = VirtualEnvironment(self.clock, before_step)
        self._log: WatchedLog
        self._process: Process
        self._serving: asyncio.Future[None] = self.loop.create_future()
        self._asked: dict[int, _Asked] = {}
        self._asked_count = 0

    # --- life ---

    async def start(self) -> None:
        """Starts the node, for the first time or after a crash. Raises what it cannot start with."""
        self._begin()
        await self.serving()

    async def serving(self) -> None:
        """Returns when the node takes commands. Raises what it cannot start with."""
        await self._serving

    def _begin(self) -> None:
        self._process = process = Process(f"life {self.crashes + 1}")
        self._log = WatchedLog(self.cluster, self.watch)
        host = MemoryHost(
            loop=self.loop,
            clock=self.clock,
            environment=self._environment,
            log=self._log,
            disk=self.disk,
            random=self.random,
            stretch_bytes=self._stretch_bytes,
        )
        self.node = process.run(Node, self._config, self._applications, host, self._halt)
        process.run(self.loop.create_task, self._serve())

    async def _serve(self) -> None:
        try:
            await self.node.start()
        except LogError:
            self._crash_and_begin()  # its supervisor starts it again
            return
        except Exception as error:
            self._halt(error)
            return
        self._serving.set_result(None)
        for number in sorted(self._asked):
            self._submit(number)

    async def stop(self) -> None:
        """Stops the node in good order."""
        await self._process.run(self.loop.create_task, self.node.stop())

    def crash(self, *, power: bool = False) -> None:
        """Kills the node, as kill -9 does; `power`: the disk forgets what was not synced."""
        self.crashes += 1
        self._log.crash()
        self.loop.kill(self._process)
        if power:
            self.disk.lose_power()
        if self._serving.done():
            self._serving = self.loop.create_future()

    def _reached(self, point: CrashPoint, record: bytes) -> bool:
        if self._process.alive and self.crashes_at(point, record):
            self._crash_and_begin()
        return not self._process.alive

    def _crash_and_begin(self) -> None:
        self.crash()
        self.loop.call_in_world(self._begin)

    def _halt(self, error: Exception) -> None:
        """The node cannot go on."""
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
        if self._process.alive and self._serving.done():
            self._submit(number)
        return future

    def _submit(self, number: int) -> None:
        process = self._process
        asked = self._asked[number]
        command, asked.command = asked.command, asked.again

        def reply(outcome: AnyOutcome) -> None:
            if process.alive:
                self._asked.pop(number, None)
                if not asked.future.done():
                    asked.future.set_result(outcome)

        process.run(self.node.submit, command, reply)
