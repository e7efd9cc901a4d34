"""One machine: its disk, its clock, its place in the group, and the node that its supervisor starts again and again."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from odradek_engine.config import Config
from odradek_engine.invoker.remote.deployments import RemoteDeployments
from odradek_engine.node.node import Node
from odradek_engine.replica.candidacy import Candidacy, Silence
from odradek_engine.replica.recovery import Deposed, Journal, PartitionHalted, Replay
from odradek_engine.store.port import StoreError
from odradek_engine.testing.host import MemoryHost, VirtualEnvironment
from odradek_engine.testing.node import MemoryNode
from odradek_engine.testing.process import Process
from simulation.clock import MachineClock
from simulation.disk import OpenDisk, SimulatedDisk
from simulation.node_log import NodeLog
from simulation.remote.network import Connector

if TYPE_CHECKING:
    from simulation.world import World

RESTART_SECONDS: Final = 0.5
"""So long a supervisor waits before it starts a node again."""


class Careless:
    """Proposes whoever asks, at once."""

    async def proposed(self, journal: Journal, replay: Replay) -> None:
        """See `Candidacy`."""


class Machine:
    """Implements `NodeOwner`."""

    def __init__(self, world: World, number: int, config: Config, applications: list[Any]) -> None:
        self.number = number
        self.clock = MachineClock(world.loop)
        self.disk = SimulatedDisk()
        self.serving_now = False
        self.wanted = False
        """Whether the group proposes it."""
        self._world = world
        self._random = random.Random(f"{world.setting.seed} machine {number}")
        self._lives = MemoryNode(f"node {number}", world.loop, config, applications, self)
        self._environment = VirtualEnvironment(self.clock, lambda _target, _step: None)  # type: ignore[arg-type]
        self._connections: dict[Any, None] = {}

    @property
    def node(self) -> Node:
        """The node in its present life."""
        return self._lives.node

    @property
    def process(self) -> Process:
        """The present life."""
        return self._lives.process

    @property
    def alive(self) -> bool:
        """Whether there is a process."""
        return self._lives.alive

    # --- life ---

    def start(self) -> None:
        """The supervisor starts the node, if the group wants it to run."""
        if self.wanted and not self.alive:
            self._world.trace.note(f"node {self.number} starts")
            self._world.loop.call_in_world(self._begin)

    def _begin(self) -> None:
        if not self.alive:
            self._lives.begin()
            config = self.node.config
            limit = config.worker.invoker.message_size_limit_bytes
            way = Connector(self._world.network)
            self.node.deployments = RemoteDeployments(
                way,  # type: ignore[arg-type]
                config.cluster_name,
                limit,
                self.node.clock,
            )

    def state_now(self, service: str, key: str) -> Mapping[bytes, bytes]:
        """What an operator knows of an object who has just looked."""
        return self._world.history.state.get((service, key), {})

    def make_host(self, process: Process) -> MemoryHost:
        """See `NodeOwner`."""
        world = self._world
        candidacy: Candidacy = Careless() if world.setting.careless else Silence(self.clock)
        return MemoryHost(
            loop=world.loop,
            clock=self.clock,  # type: ignore[arg-type]
            candidacy=candidacy,
            environment=self._environment,
            log=NodeLog(world, process),
            disk=OpenDisk(self.disk, process, world.reach),
            random_bytes=self._random.randbytes,
            clock_may_be_set=True,
            stretch_bytes=0 if world.setting.one_entry_a_record else 1 << 20,
        )

    def serving(self, node: Node) -> None:
        """See `NodeOwner`."""
        self.serving_now = True
        self._world.trace.note(f"node {self.number} serves")
        self._world.subscriptions.open(node)

    def cannot_start(self, error: Exception) -> None:
        """See `NodeOwner`."""
        self._give_up(error)

    def cannot_go_on(self, error: Exception) -> None:
        """See `NodeOwner`."""
        self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        """The node says why it ends; what its operator does about that."""
        self._world.trace.note(f"node {self.number} gives up: {type(error).__name__}", describe=lambda: error)
        if isinstance(error, StoreError) or (isinstance(error, PartitionHalted) and self.disk.flipped):
            self.disk = SimulatedDisk()
        elif isinstance(error, Deposed):
            self._world.group.left(self.number)
        elif not self._world.may_give_up(error):
            self._world.violated("a node cannot go on", f"node {self.number}: {type(error).__name__}: {error}")
        self.crash()

    def crash(self, *, power: bool = False) -> None:
        """The node dies as of kill -9; with `power` the disk forgets what was not synced."""
        if not self.alive:
            return
        self.serving_now = False
        self._lives.kill()
        self._world.node_died(self)
        if power:
            self.disk.lose_power()
        connections, self._connections = self._connections, {}
        for connection in connections:
            connection.broken()
        self._world.later(RESTART_SECONDS, self.start)

    def end(self) -> None:
        """The run is over."""
        self.wanted = False
        if self.alive:
            self._lives.kill()

    def stop(self) -> None:
        """The node is asked to end in good order, and started again."""
        process, lives = self.process, self._lives
        self.serving_now = False

        async def stop() -> None:
            await lives.stop()
            if self.alive and self.process is process:
                self.crash()

        self._world.loop.call_in_world(lambda: self._world.loop.create_task(stop()))

    # --- requests ---

    def connect(self, connection: Any) -> None:
        """A client's request reaches the node when it next looks."""
        self._connections[connection] = None
        self.process.run(self._world.loop.call_soon, connection.arrive, self)

    def hang_up(self, connection: Any) -> None:
        """The client is gone."""
        self._connections.pop(connection, None)
