"""Tables whose rows are read in groups: an object's state, an invocation's journal.

A group is in memory while one of its rows is not yet in the store, and after that for as long as there is room; it
is `complete` when every row of it is in memory, so that reading it needs no look into the store. A value derived
from a group (a journal's summary) can be kept with it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final, Generic, TypeAlias, TypeVar

import msgspec

from odradek_engine.partition.overlay import ABSENT, Cell, Writes, encode_row
from odradek_engine.store.port import Change, StoreReader, prefix_end

R = TypeVar("R")
Key: TypeAlias = tuple[bytes, bytes]
_ROW_OVERHEAD_BYTES: Final = 1_000
"""What a row costs in memory beside its encoded size, about."""


class _Group(Generic[R]):
    __slots__ = ("cells", "complete", "derived", "dirty", "sizes", "weight")

    def __init__(self, complete: bool) -> None:
        self.cells: dict[bytes, Cell[R]] = {}
        self.dirty: set[bytes] = set()
        self.sizes: dict[bytes, int] = {}
        self.complete = complete
        self.weight = 0
        self.derived: Any = None

    def rows(self) -> list[tuple[bytes, R]]:
        """What is not deleted, in order."""
        return [(key, cell[0]) for key, cell in sorted(self.cells.items(), key=_first) if cell[0] is not None]

    def weigh(self, key: bytes, size: int) -> None:
        """A row takes so many bytes (0: it is gone)."""
        self.weight -= self.sizes.pop(key, 0)
        if size:
            self.sizes[key] = size + _ROW_OVERHEAD_BYTES
            self.weight += size + _ROW_OVERHEAD_BYTES


class GroupedTable(Generic[R]):
    """One grouped table of one partition. `keep_bytes`: how much of clean groups stays in memory."""

    __slots__ = ("_clean", "_clean_weight", "_decode", "_groups", "_keep_bytes", "_prefix", "_store", "_writes", "name")

    def __init__(
        self, name: str, row_type: Any, prefix: bytes, store: StoreReader, writes: Writes, *, keep_bytes: int = 0
    ) -> None:
        self.name = name
        self._prefix = prefix
        self._store = store
        self._decode: Callable[[bytes], R] = msgspec.msgpack.Decoder(row_type).decode
        self._groups: dict[bytes, _Group[R]] = {}
        self._clean: OrderedDict[bytes, None] = OrderedDict()
        self._clean_weight = 0
        self._keep_bytes = keep_bytes
        self._writes = writes

    def get(self, group: bytes, key: bytes) -> R | None:
        """The newest row."""
        known = self._groups.get(group)
        if known is not None:
            cell = known.cells.get(key)
            if cell is not None:
                return cell[0]
            if known.complete:
                return None
        raw = self._store.get(self.name, self._prefix + group + key)
        return None if raw is None else self._decode(raw)

    def rows(self, group: bytes) -> list[tuple[bytes, R]]:
        """All newest rows of a group, in order."""
        return self._whole(group).rows()

    def derived(self, group: bytes, derive: Callable[[list[tuple[bytes, R]]], Any]) -> Any:
        """The value derived from the group's rows; kept with them."""
        whole = self._whole(group)
        if whole.derived is None:
            whole.derived = derive(whole.rows())
        return whole.derived

    def derived_now(self, group: bytes) -> Any:
        """The kept derived value, None where there is none: for `apply`, which carries it on."""
        known = self._groups.get(group)
        return None if known is None else known.derived

    def put(self, group: bytes, key: bytes, row: R | None, *, first: bool = False) -> None:
        """Writes (None: deletes) a row; `first`: the group had none before. For `apply` only."""
        known = self._groups.get(group)
        if known is None:
            known = self._groups[group] = _Group(first)
        elif not known.dirty:
            self._unmark_clean(group, known)
        cell = (row,)
        self._writes.entries.append((self, (group, key), cell, known.cells[key] if key in known.dirty else ABSENT))
        known.cells[key] = cell
        known.dirty.add(key)
        if row is None:
            known.derived = None

    def restore(self, key: Key, hidden: Any) -> None:
        """Takes one write back. A row that the store has is read from there again."""
        group, suffix = key
        known = self._groups[group]
        known.derived = None
        if hidden is not ABSENT:
            known.cells[suffix] = hidden
            return
        del known.cells[suffix]
        known.weigh(suffix, 0)
        known.dirty.remove(suffix)
        known.complete = False
        if not known.dirty:
            self._mark_clean(group, known)

    def change(self, key: Key, row: R | None) -> Change:
        """The row as the store takes it."""
        return (self.name, self._prefix + key[0] + key[1], None if row is None else encode_row(row))

    def written(self, key: Key, cell: Cell[R], size: int) -> None:
        """The store has this write now."""
        group, suffix = key
        known = self._groups.get(group)
        if known is None or known.cells.get(suffix) is not cell:
            return
        known.dirty.remove(suffix)
        known.weigh(suffix, size)
        if cell[0] is None:
            del known.cells[suffix]
        if not known.dirty:
            self._mark_clean(group, known)

    def _whole(self, group: bytes) -> _Group[R]:
        known = self._groups.get(group)
        if known is not None and known.complete:
            if not known.dirty:
                self._clean.move_to_end(group)
            return known
        if known is None:
            known = self._groups[group] = _Group(False)
        elif not known.dirty:
            self._unmark_clean(group, known)
        prefix = self._prefix + group
        skip = len(prefix)
        for full_key, raw in self._store.scan(self.name, prefix, prefix_end(prefix)):
            key = full_key[skip:]
            if key not in known.cells:
                known.cells[key] = (self._decode(raw),)
                known.weigh(key, len(raw))
        known.complete = True
        if not known.dirty:
            self._mark_clean(group, known)
        return known

    def _mark_clean(self, group: bytes, known: _Group[R]) -> None:
        if not known.cells:
            del self._groups[group]
            return
        self._clean[group] = None
        self._clean_weight += known.weight
        # The group just used stays even if it alone is too large: its reader needs it once more at most.
        while self._clean_weight > self._keep_bytes and len(self._clean) > 1:
            oldest, _ = self._clean.popitem(last=False)
            self._clean_weight -= self._groups.pop(oldest).weight

    def _unmark_clean(self, group: bytes, known: _Group[R]) -> None:
        if group in self._clean:
            del self._clean[group]
            self._clean_weight -= known.weight


def _first(item: tuple[bytes, Any]) -> bytes:
    return item[0]
