"""The simulated log of a test, in which something may happen before and after each journal record.

A crash point lies between two steps of a journal record: "sent" (the node has decided, nothing is written), and
"written" (the record is durable, and its node has not heard of it). Between any two entries of an invocation's journal
lies one of each kind, because a test's node puts each message of a handler into a record of its own.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Literal

import msgspec

from odradek_engine.log.port import JournalListener, JournalWriter, LogError
from odradek_engine.log.simulated import SimulatedLog
from odradek_engine.log.simulated_cluster import SimulatedCluster
from odradek_engine.testing.process import Process


class CrashPoint(msgspec.Struct, frozen=True, order=True):
    """A moment in the life of a node's `record`-th journal record, counting from 1 over all partitions."""

    record: int
    step: Literal["sent", "written"]


class JournalWatch:
    """Counts journal records. `crashes`: told of each point and its record's bytes; True if the node died there."""

    def __init__(self, crashes: Callable[[CrashPoint, bytes], bool]) -> None:
        self.sent = 0
        self.written = 0
        self._crashes = crashes

    def dies_sending(self, record: bytes) -> bool:
        """A record is on its way out."""
        self.sent += 1
        return self._crashes(CrashPoint(self.sent, "sent"), record)

    def dies_hearing(self, record: bytes) -> bool:
        """A record's acknowledgement is on its way in."""
        self.written += 1
        return self._crashes(CrashPoint(self.written, "written"), record)


class WatchedLog(SimulatedLog):
    """A log for one node: like the embedded one, it leaves no room for another process."""

    rounds_in_flight: int | None = None
    single_process = True

    def __init__(self, cluster: SimulatedCluster, watch: JournalWatch, process: Process) -> None:
        super().__init__(cluster)
        self._watch = watch
        self._process = process

    def journal_writer(self, topic: str, partition: int, listener: JournalListener) -> JournalWriter:
        """See the port."""
        watched = _WatchedJournal(self._watch, listener)
        watched.writer = super().journal_writer(topic, partition, Hearing(self._process, watched))
        return watched


class Hearing:
    """Brings what the cluster says, outside of all processes, to a listener in its own: later if that is frozen."""

    def __init__(self, process: Process, listener: JournalListener) -> None:
        self._process = process
        self._listener = listener
        self._news: deque[Callable[[], None]] = deque()

    def acknowledged(self, offset: int) -> None:
        """See `JournalListener`."""
        self._hear(lambda: self._listener.acknowledged(offset))

    def failed(self, error: LogError) -> None:
        """See `JournalListener`."""
        self._hear(lambda: self._listener.failed(error))

    def _hear(self, news: Callable[[], None]) -> None:
        self._news.append(news)
        self._process.run(asyncio.get_running_loop().call_soon, self._next)

    def _next(self) -> None:
        """In the order in which they were said, whichever of several callbacks the loop takes first."""
        self._news.popleft()()


class _WatchedJournal:
    """Writer and listener of one term."""

    writer: JournalWriter

    def __init__(self, watch: JournalWatch, listener: JournalListener) -> None:
        self._watch = watch
        self._listener = listener
        self._under_way: deque[bytes] = deque()

    def append(self, value: bytes) -> None:
        if not self._watch.dies_sending(value):
            self._under_way.append(value)
            self.writer.append(value)

    def close(self) -> None:
        self.writer.close()

    def acknowledged(self, offset: int) -> None:
        if not self._watch.dies_hearing(self._under_way.popleft()):
            self._listener.acknowledged(offset)

    def failed(self, error: LogError) -> None:
        self._listener.failed(error)
