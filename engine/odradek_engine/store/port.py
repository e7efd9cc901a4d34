"""The store port: ordered byte keys per table, written in atomic batches.

A batch is whole or absent after a crash. Nothing is synced: what a crash of the machine loses is read from the
journal again, because each batch carries the journal position that it reaches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, TypeAlias

Change: TypeAlias = tuple[str, bytes, bytes | None]
"""Table, key, value; None deletes."""


class StoreError(Exception):
    """The store cannot be opened or written. The text says why and what to do."""


class StoreReader(Protocol):
    """Reads of one moment."""

    def get(self, table: str, key: bytes) -> bytes | None:
        """The value of a key."""

    def scan(
        self, table: str, start: bytes, end: bytes | None, limit: int | None = None
    ) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values from `start` up to but without `end`, in order."""


class Store(StoreReader, Protocol):
    """Reads and writes."""

    def write(self, changes: Sequence[Change]) -> None:
        """Applies all changes or none."""

    def snapshot(self) -> StoreReader:
        """A reader that later writes do not change; usable from another thread until it is dropped."""

    def sync(self) -> None:
        """Makes everything written so far survive a crash of the machine. Blocks; call it from a thread."""

    def close(self) -> None:
        """Releases the files."""


def prefix_end(prefix: bytes) -> bytes | None:
    """The first key after all that begin with `prefix`; None where there is none."""
    stripped = prefix.rstrip(b"\xff")
    if not stripped:
        return None
    return stripped[:-1] + bytes([stripped[-1] + 1])
