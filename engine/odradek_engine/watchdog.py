"""Notices when something blocks the event loop, and says where it stands.

Handlers share the loop of their process: one that computes or blocks for long stops everything in it. A thread looks at
a mark that the loop renews; when the mark is old, the loop's own stack says who holds it.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
import traceback
from typing import Final

_log = logging.getLogger(__name__)

BLOCKED_SECONDS: Final = 0.1
"""From here on it is said."""
_TICK_SECONDS: Final = 0.05
_AGAIN_SECONDS: Final = 5.0
"""A block that goes on, or comes again, is not said more often."""
_FRAMES: Final = 4


class Watchdog:
    """Watches the loop that starts it. `at_stake`: what stands still with it, for people."""

    def __init__(self, at_stake: str) -> None:
        self._at_stake = at_stake
        self._renewed = time.monotonic()
        self._said = 0.0
        self._stop = threading.Event()
        self._loop_thread = 0
        self._tick: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begins to watch."""
        self._loop_thread = threading.get_ident()
        self._renew()
        threading.Thread(target=self._watch, name="odradek-watchdog", daemon=True).start()

    def stop(self) -> None:
        """Ends."""
        self._stop.set()
        if self._tick is not None:
            self._tick.cancel()

    def _renew(self) -> None:
        self._renewed = time.monotonic()
        self._tick = asyncio.get_running_loop().call_later(_TICK_SECONDS, self._renew)

    def _watch(self) -> None:
        while not self._stop.wait(_TICK_SECONDS):
            now = time.monotonic()
            blocked = now - self._renewed - _TICK_SECONDS
            if blocked < BLOCKED_SECONDS or now - self._said < _AGAIN_SECONDS:
                continue
            frame = sys._current_frames().get(self._loop_thread)
            if frame is None:
                continue
            self._said = now
            stack = traceback.extract_stack(frame)[-_FRAMES:]
            where = " < ".join(f"{step.name} ({step.filename}:{step.lineno})" for step in reversed(stack))
            _log.warning(
                "the event loop has been blocked for %d ms, and with it %s, by %s; blocking or "
                "long work of a handler belongs into ctx.run with a plain function, which runs in a thread",
                blocked * 1000,
                self._at_stake,
                where,
            )
