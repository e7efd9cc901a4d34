"""One partition of the embedded log: its offsets, and how records come into it and out of it.

The writing thread owns `_next_offset`; the loop owns `begin`, `end` and the waiting readers. `end` counts only what
is durable, so that no reader sees a record that a crash could take back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from rocksdict import Rdict

from odradek_engine.log import embedded_rows as rows
from odradek_engine.log.group_commit import Group
from odradek_engine.log.port import Cleanup, LogError, NewRecord, OffsetOutOfRange, Record

READ_BYTES_MAX = 4 * 1024 * 1024
"""A read takes no further records beyond that, so that it does not hold up the loop."""

TOMBSTONE_RETENTION_MS = 24 * 3600 * 1000
"""How long a compacted partition keeps the record that deleted a key (what Kafka does by default)."""


class EmbeddedPartition:
    """A partition's offsets, rows and waiting readers."""

    def __init__(self, topic: rows.TopicRow, index: int) -> None:
        self.name = f"{topic.name}/{index}"
        self.cleanup = topic.cleanup
        self.begin = 0
        self.end = 0
        self._log_append_time = topic.log_append_time
        self._number = topic.number
        self._index = index
        self._record_prefix = rows.record_prefix(topic.number, index)
        self._latest_prefix = rows.latest_prefix(topic.number, index)
        self._next_offset = 0
        self._waiting: list[asyncio.Future[None]] = []

    # On the writing thread

    def recover(self, db: Rdict) -> None:
        """Takes the offsets from what is on disk. Raises `LogError` where acknowledged records are missing."""
        stored_begin = db.get(rows.begin_key(self._number, self._index))
        begin = rows.decode_offset(stored_begin) if stored_begin else 0
        last = rows.last_key(db, self._record_prefix)
        end = begin if last is None else max(begin, rows.decode_offset(last) + 1)
        if end < self.end:
            raise LogError(f"{self.name} ends at {end} on disk, but records up to {self.end} were acknowledged")
        self.begin = max(self.begin, begin)
        self.end = self._next_offset = end

    def put(self, group: Group, record: NewRecord) -> int:
        """Adds a record to a group; its offset."""
        offset = self._next_offset
        self._next_offset = offset + 1
        given_ms = record.timestamp_ms
        timestamp_ms = group.now_ms if given_ms is None or self._log_append_time else given_ms
        group.batch.put(rows.record_key(self._number, self._index, offset), rows.encode_record(record, timestamp_ms))
        if self.cleanup is Cleanup.COMPACTED and record.key is not None:
            self._replace_latest(group, record.key, offset, group.now_ms if record.value is None else 0)
        return offset

    def put_value(self, group: Group, value: bytes) -> int:
        """Adds a record that has only a value; its offset."""
        offset = self._next_offset
        self._next_offset = offset + 1
        group.batch.put(rows.record_key(self._number, self._index, offset), rows.encode_value(value, group.now_ms))
        return offset

    def trim(self, group: Group, old_begin: int, begin: int) -> None:
        """Removes the records from `old_begin` up to, not including, `begin`."""
        key = rows.record_key
        group.batch.put(rows.begin_key(self._number, self._index), rows.encode_offset(begin))
        group.trims += 1
        group.batch.delete_range(key(self._number, self._index, old_begin), key(self._number, self._index, begin))

    def drop_old_tombstones(self, group: Group) -> None:
        """Removes the records that deleted a key long ago, but the partition's last (it tells where the end is)."""
        if self.cleanup is not Cleanup.COMPACTED:
            return
        for key, value in rows.scan(group.db, self._latest_prefix):
            offset, tombstone_ms = rows.decode_latest(value)
            old = 0 < tombstone_ms < group.now_ms - TOMBSTONE_RETENTION_MS
            if old and offset + 1 < self._next_offset:
                group.batch.delete(key)
                group.batch.delete(rows.record_key(self._number, self._index, offset))

    def _replace_latest(self, group: Group, key: bytes, offset: int, tombstone_ms: int) -> None:
        latest_key = self._latest_prefix + key
        replaced = group.latest.get(latest_key)
        if replaced is None:
            stored = group.db.get(latest_key)
            replaced = rows.decode_latest(stored)[0] if stored else None
        if replaced is not None:
            group.batch.delete(rows.record_key(self._number, self._index, replaced))
        group.latest[latest_key] = offset
        group.batch.put(latest_key, rows.encode_latest(offset, tombstone_ms))

    # On the loop

    def durable_to(self, end: int) -> None:
        """All records before `end` are durable: readers may have them."""
        self.end = max(self.end, end)
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    def check(self, offset: int) -> None:
        """Raises `OffsetOutOfRange` where no reader may stand."""
        if not self.begin <= offset <= self.end:
            raise OffsetOutOfRange(f"{self.name} holds offsets {self.begin} to {self.end}, asked for {offset}")

    def read(self, db: Rdict, offset: int, max_records: int) -> Sequence[Record]:
        """The durable records from `offset` on, bounded in number and bytes."""
        self.check(offset)
        records: list[Record] = []
        if offset == self.end or max_records <= 0:
            return records
        room = READ_BYTES_MAX
        first = rows.record_key(self._number, self._index, offset)
        for key, stored in rows.scan(db, self._record_prefix, first):
            found = rows.decode_offset(key)
            if found >= self.end:
                break
            records.append(rows.decode_record(found, stored))
            room -= len(stored)
            if found + 1 == self.end or len(records) == max_records or room <= 0:
                break
        return records

    async def wait_beyond(self, offset: int, wait_ms: int) -> None:
        """Returns when there is a record at or after `offset`, or `wait_ms` have passed."""
        if offset < self.end or wait_ms <= 0:
            return
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._waiting.append(future)
        timer = loop.call_later(wait_ms / 1000, _wake, future)
        try:
            await future
        finally:
            timer.cancel()
            if future in self._waiting:
                self._waiting.remove(future)


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
