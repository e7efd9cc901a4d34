"""What a node does now and then: heartbeats, retention, a look at the clock, trimming of the embedded log."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final, Protocol

from odradek_engine.log.port import Log, LogError
from odradek_engine.replica.processor import Processor
from odradek_engine.store.port import Store, StoreError

_log = logging.getLogger(__name__)

HEARTBEAT_SECONDS: Final = 0.5
TRIM_SECONDS: Final = 10.0
CLOCK_SECONDS: Final = 5.0
"""A wall clock that was set, or a machine that slept, delays timers by that at most."""


class Upheld(Protocol):
    """What is kept up."""

    log: Log
    store: Store
    processors: list[Processor]
    cleanup_seconds: float
    journal_topic: str
    clock_may_be_set: bool


class Upkeep:
    """The node's periodic work: a timer each, started and stopped with the node."""

    def __init__(self, upheld: Upheld, call_later: Callable[[float, Callable[[], None]], asyncio.TimerHandle]) -> None:
        self._upheld = upheld
        self._call_later = call_later
        self._handles: dict[str, asyncio.TimerHandle] = {}
        self._trimming: asyncio.Task[None] | None = None
        self._trimmed: list[tuple[int, int]] = []
        """What the last trimming was about: partitions and their stored offsets."""

    def start(self) -> None:
        """Begins."""
        upheld = self._upheld
        if not upheld.log.single_process:
            self._repeat("heartbeat", HEARTBEAT_SECONDS, self._heartbeat)
        else:
            self._repeat("trim", TRIM_SECONDS, self._trim)
        if upheld.clock_may_be_set:
            self._repeat("clock", CLOCK_SECONDS, self._look_at_clock)
        self._repeat("clean up", upheld.cleanup_seconds, self._clean_up)

    def stop(self) -> None:
        """Ends."""
        for handle in self._handles.values():
            handle.cancel()
        if self._trimming is not None:
            self._trimming.cancel()

    def _repeat(self, name: str, seconds: float, work: Callable[[], None]) -> None:
        def run() -> None:
            self._handles[name] = self._call_later(seconds, run)
            work()

        self._handles[name] = self._call_later(seconds, run)

    def _heartbeat(self) -> None:
        for processor in self._upheld.processors:
            processor.heartbeat(HEARTBEAT_SECONDS)

    def _look_at_clock(self) -> None:
        for processor in self._upheld.processors:
            processor.look_at_clock()

    def _clean_up(self) -> None:
        for processor in self._upheld.processors:
            processor.clean_up()

    def _trim(self) -> None:
        if self._trimming is None or self._trimming.done():
            self._trimming = asyncio.get_running_loop().create_task(self._trim_journals())

    async def _trim_journals(self) -> None:
        """Removes what the tables hold safely. The record they stand at stays: recovery holds it against them."""
        upheld = self._upheld
        stored = [(processor.partition, processor.stored_offset) for processor in upheld.processors]
        if stored == self._trimmed:
            return
        try:
            await asyncio.to_thread(upheld.store.sync)
        except StoreError as error:
            _log.warning("%s", error)
            return
        self._trimmed = stored
        for partition, offset in stored:
            try:
                await upheld.log.delete_before(upheld.journal_topic, partition, offset)
            except LogError as error:
                _log.warning("journal %d cannot be trimmed: %s", partition, error)
                self._trimmed = []
