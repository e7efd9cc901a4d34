"""What a node stands on: clock, randomness, threads, log and disk, as one port.

`system.SystemHost` is the machine that the process runs on; the test kit has one in memory with virtual time.
Everything in a node gets these things handed in: nothing else reads a clock, draws at random or opens a file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from odradek.protocol.attempt import HandlerEnvironment
from odradek_engine.gateway import Clock
from odradek_engine.log.port import Log
from odradek_engine.node.identity import Identity
from odradek_engine.replica.candidacy import Candidacy
from odradek_engine.store.port import Store


class Host(Protocol):
    """Where a node runs; one for each start of a node."""

    @property
    def clock(self) -> Clock:
        """Time."""

    @property
    def environment(self) -> HandlerEnvironment:
        """What in-process handlers take from the outside world."""

    @property
    def clock_may_be_set(self) -> bool:
        """Whether wall clock and monotonic clock may drift apart."""

    @property
    def candidacy(self) -> Candidacy:
        """Whether it should lead, on a log that other nodes may write to."""

    @property
    def stretch_bytes(self) -> int:
        """A handler's stretch is cut into commands of about this size."""

    def random_bytes(self, count: int) -> bytes:
        """So many random bytes."""

    def call_later(self, seconds: float, work: Callable[[], None]) -> asyncio.TimerHandle:
        """Calls back for periodic work, which nobody waits for."""

    async def open_log(self) -> Log:
        """The log that the node works on. Raises `LogError`, and `WrongDirectory` where the disk is another log's."""

    def settle_identity(self, cluster_id: str, partitions: int) -> Identity:
        """Holds what the disk was made for against the log that was found; raises `WrongDirectory`."""

    async def open_store(self) -> Store:
        """The tables on this host's disk. Raises `StoreError`."""

    def close(self) -> None:
        """The node is stopped."""
