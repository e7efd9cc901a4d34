"""What handlers of a remote endpoint take from the machine: the wall clock, and threads for blocking steps."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

T = TypeVar("T")

STEP_THREADS: Final = 64
"""So many blocking run blocks execute at once; further ones wait for a thread."""


class SystemEnvironment:
    """Implements `odradek.protocol.attempt.HandlerEnvironment`."""

    def __init__(self) -> None:
        self._threads: ThreadPoolExecutor | None = None

    def now_ms(self) -> int:
        """Wall clock, ms since the epoch."""
        return time.time_ns() // 1_000_000

    def before_step(self, target: str, name: str) -> None:
        """Nothing comes before a step."""

    def run_in_thread(self, function: Callable[[], T]) -> asyncio.Future[T]:
        """Runs blocking code off the loop."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(STEP_THREADS, thread_name_prefix="odradek-step")
        return asyncio.get_running_loop().run_in_executor(self._threads, function)

    def close(self) -> None:
        """Waits for nobody: steps that are under way run again elsewhere."""
        threads, self._threads = self._threads, None
        if threads is not None:
            threads.shutdown(wait=False, cancel_futures=True)
