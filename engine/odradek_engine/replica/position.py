"""Where a partition's tables in the store stand in its journal; written in one batch with the rows."""

from __future__ import annotations

from typing import Final

import msgspec

from odradek_engine.partition.tables import partition_prefix
from odradek_engine.replica.fence import Fence
from odradek_engine.store.port import Change, StoreReader

POSITIONS: Final = "positions"
"""The store's table of positions, one row for each partition."""


class Position(msgspec.Struct, frozen=True, array_like=True):
    """The last journal record whose events are in the tables, and what identifies the journal.

    `void_offset`: the last record looked at; records between `offset` and it did not count.
    """

    format: int
    offset: int
    void_offset: int
    announcement: bytes
    epoch: int
    index: int
    inbox_offset: int
    cluster_id: str
    topic_id: str
    partitions: int

    @property
    def fence(self) -> Fence:
        """Whom a reader that goes on from here follows."""
        return Fence(self.announcement, self.epoch, self.index + 1)


def read_position(store: StoreReader, partition: int) -> Position | None:
    """The stored position, None for a partition without tables."""
    raw = store.get(POSITIONS, partition_prefix(partition))
    return None if raw is None else msgspec.msgpack.decode(raw, type=Position)


def position_change(partition: int, position: Position) -> Change:
    """The position as the store takes it."""
    return (POSITIONS, partition_prefix(partition), msgspec.msgpack.encode(position))
