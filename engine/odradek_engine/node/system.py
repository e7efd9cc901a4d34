"""The real machine as a node's host: its clocks, randomness, threads, the configured log, and the data directory."""

from __future__ import annotations

import asyncio
import contextvars
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Literal, TypeVar

from odradek_engine.config import Config
from odradek_engine.invoker.attempts import STRETCH_BYTES
from odradek_engine.log.port import Log
from odradek_engine.node.identity import Identity, check_log, settle_identity
from odradek_engine.node.logs import open_log
from odradek_engine.partition.tables import OFTEN_MISSED, ROW_TYPES
from odradek_engine.replica.candidacy import Silence
from odradek_engine.replica.position import POSITIONS
from odradek_engine.store.rocks import RocksStore

T = TypeVar("T")

HANDLER_THREADS: Final = 64
"""So many blocking `ctx.run` steps run at once; further ones wait for a thread."""


class SystemClock:
    """The machine's clocks."""

    def now_ms(self) -> int:
        """Wall clock, ms since the epoch."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()


class SystemRandom:
    """Random bytes from the operating system, taken in larger portions: every request needs some."""

    _PORTION: Final = 4096

    def __init__(self) -> None:
        self._bytes = b""
        self._at = 0

    def random_bytes(self, count: int) -> bytes:
        """So many random bytes."""
        if self._at + count > len(self._bytes):
            self._bytes = os.urandom(max(self._PORTION, count))
            self._at = 0
        start = self._at
        self._at += count
        return self._bytes[start : self._at]


class HandlerThreads:
    """What in-process handlers take from the machine: the wall clock, and threads for blocking steps."""

    def __init__(self, clock: SystemClock) -> None:
        self._clock = clock
        self._threads = ThreadPoolExecutor(HANDLER_THREADS, thread_name_prefix="odradek-step")

    def now_ms(self) -> int:
        """Wall clock, ms since the epoch."""
        return self._clock.now_ms()

    def before_step(self, target: str, name: str) -> None:
        """Nothing comes before a step."""

    def run_in_thread(self, function: Callable[[], T]) -> asyncio.Future[T]:
        """Runs blocking code off the loop, with the caller's context variables."""
        context = contextvars.copy_context()
        return asyncio.get_running_loop().run_in_executor(self._threads, context.run, function)

    def close(self) -> None:
        """Waits for nobody: a step that is under way runs again after a restart."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class SystemHost:
    """Implements `Host` as the configuration says."""

    stretch_bytes = STRETCH_BYTES
    clock_may_be_set = True

    def __init__(self, config: Config) -> None:
        self.clock = SystemClock()
        self.candidacy = Silence(self.clock)
        self.environment = HandlerThreads(self.clock)
        self.random_bytes = SystemRandom().random_bytes
        self._config = config
        self._kind: Literal["embedded", "kafka"] = "embedded" if config.embedded else "kafka"

    def call_later(self, seconds: float, work: Callable[[], None]) -> asyncio.TimerHandle:
        """See `Host`."""
        return asyncio.get_running_loop().call_later(seconds, work)

    async def open_log(self) -> Log:
        """See `Host`."""
        check_log(self._config.base_dir, self._kind, self._config.cluster_name)
        return await open_log(self._config)

    def settle_identity(self, cluster_id: str, partitions: int) -> Identity:
        """See `Host`."""
        wanted = Identity(self._kind, self._config.cluster_name, cluster_id, partitions)
        return settle_identity(self._config.base_dir, wanted)

    async def open_store(self) -> RocksStore:
        """See `Host`."""
        tables = [*ROW_TYPES, POSITIONS]
        directory = self._config.base_dir / "tables"
        cache_bytes = self._config.storage.cache_size_bytes
        return await asyncio.to_thread(RocksStore, directory, tables, OFTEN_MISSED, cache_bytes)

    def close(self) -> None:
        """See `Host`."""
        self.environment.close()
