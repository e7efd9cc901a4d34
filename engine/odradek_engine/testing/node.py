"""One node in memory over all of its lives: a process that is killed and comes back, made of the production code.

What survives a life is what its host holds on to: the log's records and the disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from odradek.endpoint import Application
from odradek_engine.config import Config
from odradek_engine.log.simulated import SimulatedLog
from odradek_engine.node.host import Host
from odradek_engine.node.node import Node
from odradek_engine.testing.loop import VirtualLoop
from odradek_engine.testing.process import Process


class LifeHost(Host, Protocol):
    """The host of one life."""

    @property
    def log(self) -> SimulatedLog:
        """What the node is cut off from when it is killed."""


class NodeOwner(Protocol):
    """Who runs a node: its supervisor."""

    def make_host(self, process: Process) -> LifeHost:
        """What the next life stands on."""

    def serving(self, node: Node) -> None:
        """It takes commands. Called in the node's process."""

    def cannot_start(self, error: Exception) -> None:
        """It has died of what it cannot start with."""

    def cannot_go_on(self, error: Exception) -> None:
        """It says that it must be stopped."""


class MemoryNode:
    """Starts, is killed, starts again."""

    def __init__(
        self, name: str, loop: VirtualLoop, config: Config, applications: Sequence[Application], owner: NodeOwner
    ) -> None:
        self.lives = 0
        self.node: Node
        self.process: Process
        self._name = name
        self._loop = loop
        self._config = config
        self._applications = applications
        self._owner = owner
        self._host: LifeHost

    @property
    def alive(self) -> bool:
        """Whether its process runs, or stands still."""
        return self.lives > 0 and self.process.alive

    def begin(self) -> None:
        """A new life."""
        self.lives += 1
        self.process = process = Process(f"{self._name}, life {self.lives}")
        self._host = self._owner.make_host(process)
        self.node = process.run(Node, self._config, self._applications, self._host, self._owner.cannot_go_on)
        process.run(self._loop.create_task, self._serve(self.node))

    async def _serve(self, node: Node) -> None:
        try:
            await node.start()
        except Exception as error:
            self._owner.cannot_start(error)
            return
        self._owner.serving(node)

    def kill(self) -> None:
        """Ends the life as kill -9 does."""
        self._host.log.crash()
        self._loop.kill(self.process)

    async def stop(self) -> None:
        """Ends the life in good order."""
        await self.process.run(self._loop.create_task, self.node.stop())
