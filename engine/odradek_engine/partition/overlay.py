"""The layers between the machine and the store.

A row is read from the newest layer that has it: rows of records not yet acknowledged, then acknowledged rows not
yet written (the pending layer), then the store. The first two share one dictionary per table for reading; what
belongs to which record is kept in lists of changes:

- `Changes`: what one turn wrote, in order; a command that fails is taken back from it (`mark`, `roll_back`);
- `Pending`: the last acknowledged value of each row, not yet in the store.

A row is None where it was deleted. Each write stands in a cell of its own, a tuple of one: "the cell in memory is
the very one that was written" means that nothing newer exists and memory may forget it. Rows alone could not tell: a
lock that was released, taken and released again is None twice.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, Final, Generic, Protocol, TypeAlias, TypeVar

import msgspec

from odradek_engine.store.port import Change, StoreReader, prefix_end

R = TypeVar("R")
Cell: TypeAlias = tuple[R | None]
"""One write of a row."""
ABSENT: Final[Any] = object()
"""Hidden by a write where memory had nothing that the store has not."""
_BORN: Final[Any] = object()
"""Hidden by a row that its event knows to be new, in the store too."""


class Layered(Protocol):
    """A table as the layers see it. The form of the key is the table's own."""

    def restore(self, key: Any, hidden: Any) -> None:
        """Takes one write back."""

    def change(self, key: Any, row: Any) -> Change:
        """A row as the store takes it."""

    def written(self, key: Any, cell: Cell[Any], size: int) -> None:
        """The store has this write now, in so many bytes."""


Entry: TypeAlias = tuple[Layered, Any, Cell[Any], Any]
"""Table, key, the write, the write that it hid in memory."""


class Writes:
    """Where the tables of a partition note what they write: the entries of the turn under way."""

    __slots__ = ("entries",)

    def __init__(self) -> None:
        self.entries: list[Entry] = []


class Changes:
    """What one turn wrote."""

    __slots__ = ("entries",)

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def mark(self) -> int:
        """Where the next command begins."""
        return len(self.entries)

    def roll_back(self, mark: int) -> None:
        """Takes back everything since `mark`."""
        for table, key, _, hidden in reversed(self.entries[mark:]):
            table.restore(key, ABSENT if hidden is _BORN else hidden)
        del self.entries[mark:]


class Pending:
    """Acknowledged rows on their way to the store."""

    __slots__ = ("_born", "_cells")

    def __init__(self) -> None:
        self._cells: dict[tuple[Layered, Any], Cell[Any]] = {}
        self._born: set[tuple[Layered, Any]] = set()
        """Rows that the store has nothing of: deleted again, they need not be written at all."""

    def __len__(self) -> int:
        return len(self._cells)

    def add(self, changes: Changes) -> None:
        """A turn's record was acknowledged."""
        cells = self._cells
        born = self._born
        for table, key, cell, hidden in changes.entries:
            place = (table, key)
            if hidden is _BORN:
                born.add(place)
            elif cell[0] is None and place in born:
                born.discard(place)
                del cells[place]
                table.written(key, cell, 0)
                continue
            cells[place] = cell

    def drain(self) -> list[tuple[Layered, Any, Cell[Any]]]:
        """The last write of each row; the layer is empty afterwards."""
        drained = [(table, key, cell) for (table, key), cell in self._cells.items()]
        self._cells = {}
        self._born.clear()
        return drained


class Table(Generic[R]):
    """One table of one partition. `keep`: how many clean rows stay in memory, least recently written go first."""

    __slots__ = ("_clean", "_decode", "_hot", "_keep", "_prefix", "_store", "_writes", "name")

    def __init__(
        self,
        name: str,
        row_type: Any,
        prefix: bytes,
        store: StoreReader,
        writes: Writes,
        *,
        keep: int = 0,
    ) -> None:
        self.name = name
        self._prefix = prefix
        self._store = store
        self._decode: Callable[[bytes], R] = msgspec.msgpack.Decoder(row_type).decode
        self._hot: dict[bytes, Cell[R]] = {}
        self._clean: OrderedDict[bytes, None] = OrderedDict()
        self._keep = keep
        self._writes = writes

    def get(self, key: bytes) -> R | None:
        """The newest row."""
        cell = self._hot.get(key)
        if cell is not None:
            return cell[0]
        raw = self._store.get(self.name, self._prefix + key)
        return None if raw is None else self._decode(raw)

    def put(self, key: bytes, row: R | None, *, new: bool = False) -> None:
        """Writes (None: deletes) a row; `new`: neither memory nor store has one of this key. For `apply` only."""
        hot = self._hot
        hidden = hot.get(key, ABSENT)
        if hidden is ABSENT:
            if new:
                hidden = _BORN
        elif self._keep and self._clean.pop(key, ABSENT) is None:
            hidden = ABSENT
        cell = (row,)
        self._writes.entries.append((self, key, cell, hidden))
        hot[key] = cell

    def restore(self, key: bytes, hidden: Any) -> None:
        """Takes one write back. A row that the store has is read from there again."""
        if hidden is ABSENT:
            del self._hot[key]
        else:
            self._hot[key] = hidden

    def written(self, key: bytes, cell: Cell[R], _size: int) -> None:
        """The store has this write now."""
        hot = self._hot
        if hot.get(key) is not cell:
            return
        if cell[0] is None or not self._keep:
            del hot[key]
            return
        clean = self._clean
        clean[key] = None
        while len(clean) > self._keep:
            oldest, _ = clean.popitem(last=False)
            del hot[oldest]

    def rows(self, start: bytes = b"", end: bytes | None = None, limit: int | None = None) -> Iterator[tuple[bytes, R]]:
        """Newest rows with `start <= key < end`, in order, at most `limit`. Looks at every row in memory."""
        newer = sorted(key for key in self._hot if key >= start and (end is None or key < end))
        upper = self._prefix + end if end is not None else prefix_end(self._prefix)
        count = 0
        for key, row in self._merge(newer, self._store.scan(self.name, self._prefix + start, upper)):
            if row is None:
                continue
            if count == limit:
                return
            count += 1
            yield key, row

    def _merge(self, newer: list[bytes], stored: Iterator[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, R | None]]:
        at = 0
        skip = len(self._prefix)
        for full_key, raw in stored:
            key = full_key[skip:]
            while at < len(newer) and newer[at] < key:
                yield newer[at], self._hot[newer[at]][0]
                at += 1
            if at < len(newer) and newer[at] == key:
                yield key, self._hot[key][0]
                at += 1
            else:
                yield key, self._decode(raw)
        for key in newer[at:]:
            yield key, self._hot[key][0]

    def change(self, key: bytes, row: R | None) -> Change:
        """The row as the store takes it."""
        return (self.name, self._prefix + key, None if row is None else encode_row(row))


_encoder = msgspec.msgpack.Encoder()


def encode_row(row: Any) -> bytes:
    """A row as stored."""
    return _encoder.encode(row)
