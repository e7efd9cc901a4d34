"""Group commit: one thread writes to RocksDB and syncs; whatever came while it synced shares the next sync.

Owns all writing to the embedded log's store. Invariant: commits are written, and their ends told, in the order of
their submission, and a commit is told a good end only after the sync that covers it. After an error nothing more is
written until the store was opened anew, because what a failed write or sync left behind is known only then.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from typing import Protocol

from rocksdict import Rdict, WriteBatch

from odradek_engine.log.port import LogError, LogUnavailable

GROUP_BYTES_MAX = 64 * 1024 * 1024
"""A sync takes no further commits beyond that."""

QUEUED_BYTES_MAX = 1024 * 1024 * 1024
"""What may wait to be written; a commit beyond it fails."""


TRIMS_MAX = 500
"""So many deleted ranges may lie in memory before they are flushed to files: each makes the next read slower."""


class Store(Protocol):
    """The store that is written to."""

    def open(self) -> Rdict:
        """The database; opens it if it is not open. Raises `LogError`."""

    def discard(self) -> None:
        """Closes the database after an error, so that the next `open` finds what is really there."""


class Group:
    """What the commits of one sync write: a batch, the time, and room to see each other's rows."""

    __slots__ = ("batch", "db", "latest", "now_ms", "trims")

    def __init__(self, db: Rdict) -> None:
        self.db = db
        self.batch = WriteBatch(raw_mode=True)
        self.now_ms = time.time_ns() // 1_000_000
        self.trims = 0
        self.latest: dict[bytes, int] = {}
        """By key of a compacted partition's index: the offset that this group wrote last."""


class Commit(Protocol):
    """Something to be written."""

    @property
    def size(self) -> int:
        """About how many bytes it will write."""

    def fill(self, group: Group) -> None:
        """Adds its rows to the group; called on the writing thread, at most once."""

    def finished(self, error: LogError | None) -> None:
        """It is durable (None), or its fate is unknown; called on the loop, once."""


class GroupCommit:
    """The writing thread and the way to it. All methods are for the loop's thread."""

    def __init__(self, store: Store, loop: asyncio.AbstractEventLoop) -> None:
        self._store = store
        self._loop = loop
        self._queue: queue.SimpleQueue[Commit | None] = queue.SimpleQueue()
        self._queued_bytes = 0
        self._trims = 0
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="odradek-log", daemon=True)
        self._thread.start()

    def submit(self, commit: Commit) -> None:
        """Sends a commit on its way; its `finished` tells how it ended."""
        refusal = self._refusal(commit)
        if refusal is not None:
            self._loop.call_soon(commit.finished, refusal)
            return
        self._queued_bytes += commit.size
        self._queue.put(commit)

    async def close(self) -> None:
        """Writes what was submitted and ends the thread."""
        self._closed = True
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _refusal(self, commit: Commit) -> LogError | None:
        if self._closed:
            return LogUnavailable("the log is closed")
        if self._queued_bytes + commit.size > QUEUED_BYTES_MAX:
            return LogError(f"more than {QUEUED_BYTES_MAX >> 20} MiB wait to be written: the disk is too slow")
        return None

    def _run(self) -> None:
        while True:
            group, last = self._next_group()
            if group:
                error = self._write(group)
                self._call_on_loop(self._tell, group, error)
            if last:
                return

    def _next_group(self) -> tuple[list[Commit], bool]:
        """Waits for a commit, takes those behind it along; True with the last ones."""
        commit = self._queue.get()
        group: list[Commit] = []
        size = 0
        while commit is not None:
            group.append(commit)
            size += commit.size
            if size > GROUP_BYTES_MAX:
                return group, False
            try:
                commit = self._queue.get_nowait()
            except queue.Empty:
                return group, False
        return group, True

    def _write(self, commits: list[Commit]) -> LogError | None:
        try:
            db = self._store.open()
        except LogError as error:
            return error
        try:
            group = Group(db)
            for commit in commits:
                commit.fill(group)
            db.write(group.batch)
            db.flush_wal(True)
            self._flush_trims(db, group.trims)
        except Exception as error:  # rocksdict raises bare exceptions; whichever it is, the store is in doubt
            self._store.discard()
            return LogError(f"writing the log failed: {error}")
        return None

    def _flush_trims(self, db: Rdict, trims: int) -> None:
        self._trims += trims
        if self._trims >= TRIMS_MAX:
            self._trims = 0
            db.flush(wait=False)

    def _tell(self, group: list[Commit], error: LogError | None) -> None:
        for commit in group:
            self._queued_bytes -= commit.size
            try:
                commit.finished(error)
            except Exception as raised:  # the others must hear of their ends whatever one listener does
                context = {"message": "a listener of the log raised", "exception": raised}
                self._loop.call_exception_handler(context)

    def _call_on_loop(self, callback: Callable[..., None], *args: object) -> None:
        try:
            self._loop.call_soon_threadsafe(callback, *args)
        except RuntimeError:  # the loop is closed: nobody is left to be told
            pass
