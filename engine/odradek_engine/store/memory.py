"""A store in memory, for tests of the machine and for the simulation."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence

from odradek_engine.store.port import Change, StoreReader


class MemoryStore:
    """Dictionaries with a sorted list of keys beside each."""

    def __init__(self) -> None:
        self._values: dict[str, dict[bytes, bytes]] = {}
        self._keys: dict[str, list[bytes]] = {}

    def get(self, table: str, key: bytes) -> bytes | None:
        """The value of a key."""
        return self._values.get(table, {}).get(key)

    def scan(
        self, table: str, start: bytes, end: bytes | None, limit: int | None = None
    ) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values in order; a copy of the moment of the call."""
        keys = self._keys.get(table, [])
        first = bisect_left(keys, start)
        last = len(keys) if end is None else bisect_left(keys, end)
        if limit is not None:
            last = min(last, first + limit)
        values = self._values.get(table, {})
        return iter([(key, values[key]) for key in keys[first:last]])

    def write(self, changes: Sequence[Change]) -> None:
        """Applies all changes."""
        for table, key, value in changes:
            values = self._values.setdefault(table, {})
            keys = self._keys.setdefault(table, [])
            if value is None:
                if values.pop(key, None) is not None:
                    del keys[bisect_left(keys, key)]
                continue
            if key not in values:
                insort(keys, key)
            values[key] = value

    def snapshot(self) -> StoreReader:
        """A copy."""
        return self.copy()

    def copy(self) -> MemoryStore:
        """The same rows in a store of their own."""
        copy = MemoryStore()
        copy._values = {table: dict(values) for table, values in self._values.items()}
        copy._keys = {table: list(keys) for table, keys in self._keys.items()}
        return copy

    def become(self, other: MemoryStore) -> None:
        """Takes over the rows of another store, which must not be used any more."""
        self._values = other._values
        self._keys = other._keys

    def sync(self) -> None:
        """Nothing to do: memory has no disk."""

    def close(self) -> None:
        """Nothing to do."""
