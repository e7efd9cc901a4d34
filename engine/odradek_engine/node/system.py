"""Clock, randomness and threads of a real machine. Everything else gets them handed in."""

from __future__ import annotations

import asyncio
import contextvars
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

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

    def run_in_thread(self, function: Callable[[], T]) -> asyncio.Future[T]:
        """Runs blocking code off the loop, with the caller's context variables."""
        context = contextvars.copy_context()
        return asyncio.get_running_loop().run_in_executor(self._threads, context.run, function)

    def close(self) -> None:
        """Waits for nobody: a step that is under way runs again after a restart."""
        self._threads.shutdown(wait=False, cancel_futures=True)
