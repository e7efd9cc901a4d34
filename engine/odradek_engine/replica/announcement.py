"""The first record of a term, and who hears what becomes of the records after it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from odradek_engine.log.port import LogError
from odradek_engine.model.events import LeaderElected
from odradek_engine.replica.record import FORMAT, JournalRecord, encode_part, encode_record


class Announcement:
    """Listens to a journal writer: to its first record as the announcement, to the others for the leader."""

    def __init__(self) -> None:
        self.offset: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._acknowledged: Callable[[int], None] | None = None
        self._failed: Callable[[LogError], None] | None = None
        self._error: LogError | None = None

    def acknowledged(self, offset: int) -> None:
        """A record is durable."""
        if self._acknowledged is not None:
            self._acknowledged(offset)
        elif not self.offset.done():
            self.offset.set_result(offset)

    def failed(self, error: LogError) -> None:
        """The writer is dead."""
        self._error = error
        if self._failed is not None:
            self._failed(error)
        elif not self.offset.done():
            self.offset.set_exception(error)

    def lead(self, acknowledged: Callable[[int], None], failed: Callable[[LogError], None]) -> None:
        """From now on the leader listens."""
        self._acknowledged = acknowledged
        self._failed = failed
        if self._error is not None:
            failed(self._error)


def announcement_record(
    announcement: bytes, epoch: int, now: int, node: str, cluster_id: str, partitions: int
) -> bytes:
    """The bytes of a `LeaderElected` record."""
    part = msgspec.Raw(encode_part([LeaderElected(node, cluster_id, partitions)]))
    return encode_record(JournalRecord(FORMAT, announcement, epoch, 0, now, 0, (part,)))
