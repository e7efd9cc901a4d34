"""The layers above the store against plain dictionaries: whatever is written, taken back, acknowledged, flushed and
forgotten in between, a reader sees the last write that was not taken back."""

from __future__ import annotations

from typing import Any, TypeAlias

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from machine_world import write_down
from odradek_engine.partition.groups import GroupedTable
from odradek_engine.partition.overlay import Changes, Pending, Table, Writes
from odradek_engine.store.memory import MemoryStore

KEYS = st.sampled_from([b"a", b"b"])
GROUPS = st.sampled_from([b"1", b"2"])
VALUES = st.sampled_from([None, None, 0, 1])
"""Few and small: the same object is written again and again."""
Write: TypeAlias = tuple[bytes, bytes, int | None, bool]
WRITES = st.lists(st.tuples(GROUPS, KEYS, VALUES, st.booleans()), max_size=3)
"""Group, key, row (None: deleted), and for plain tables whether a row that is new is said to be."""
PREFIX = b"\x00\x07"


class Overlay(RuleBasedStateMachine):
    """Two plain tables and two grouped ones, with little or no room for clean rows, in one store."""

    def __init__(self) -> None:
        super().__init__()
        self.store = MemoryStore()
        self.store.write([("plain", b"\x00\x06a", b"\x01"), ("grouped", b"\x00\x081a", b"\x01")])  # neighbours
        self.pending = Pending()
        self.turns: list[Changes] = []
        self.plain_model: dict[str, dict[bytes, int]] = {"plain": {}, "keeping": {}}
        self.grouped_model: dict[str, dict[bytes, dict[bytes, int]]] = {"grouped": {}, "roomy": {}}
        self.open_tables()
        self.begin_turn()

    def open_tables(self) -> None:
        self.writes = Writes()
        self.plain = {
            name: Table[int](name, int, PREFIX, self.store, self.writes, keep=keep)
            for name, keep in (("plain", 0), ("keeping", 1))
        }
        self.grouped = {
            name: GroupedTable[int](name, int, PREFIX, self.store, self.writes, keep_bytes=keep)
            for name, keep in (("grouped", 0), ("roomy", 1_000))
        }

    def snapshot(self) -> tuple[Any, Any]:
        grouped = {name: {group: dict(rows) for group, rows in of.items()} for name, of in self.grouped_model.items()}
        return {name: dict(rows) for name, rows in self.plain_model.items()}, grouped

    # --- writing ---

    def begin_turn(self) -> None:
        self.turns.append(Changes())
        self.writes.entries = self.turns[-1].entries

    def put(self, name: str, key: bytes, value: int | None, say_new: bool) -> None:
        model = self.plain_model[name]
        self.plain[name].put(key, value, new=say_new and key not in model and value is not None)
        if value is None:
            model.pop(key, None)
        else:
            model[key] = value

    def put_grouped(self, name: str, group: bytes, key: bytes, value: int | None) -> None:
        rows = self.grouped_model[name].setdefault(group, {})
        self.grouped[name].put(group, key, value, first=not rows and value is not None)
        if value is None:
            rows.pop(key, None)
        else:
            rows[key] = value

    def write(self, write: Write) -> None:
        group, key, value, say_new = write
        for name in self.plain:
            self.put(name, key, value, say_new)
        for name, table in self.grouped.items():
            self.put_grouped(name, group, key, value)
            if say_new:
                table.rows(group)

    @rule(writes=WRITES)
    def take_turn(self, writes: list[Write]) -> None:
        self.begin_turn()
        for write in writes:
            self.write(write)

    @rule(kept=WRITES, taken_back=WRITES)
    def take_turn_and_take_some_back(self, kept: list[Write], taken_back: list[Write]) -> None:
        self.take_turn(kept)
        mark = self.turns[-1].mark()
        plain_before, grouped_before = self.snapshot()
        for write in taken_back:
            self.write(write)
        self.turns[-1].roll_back(mark)
        self.plain_model, self.grouped_model = plain_before, grouped_before

    # --- becoming durable ---

    @precondition(lambda self: len(self.turns) > 2)
    @rule(turns=st.integers(1, 2), flush=st.booleans())
    def acknowledge(self, turns: int, flush: bool) -> None:
        for turn in self.turns[: min(turns, len(self.turns) - 1)]:
            self.pending.add(turn)
            self.turns.remove(turn)
        if flush:
            write_down(self.store, self.pending)

    @precondition(lambda self: len(self.turns) > 3)
    @rule()
    def restart(self) -> None:
        """Everything acknowledged and written: new tables see the same."""
        for turn in self.turns:
            self.pending.add(turn)
        self.turns.clear()
        write_down(self.store, self.pending)
        self.open_tables()
        self.begin_turn()

    # --- reading ---

    @rule(name=st.sampled_from(["plain", "keeping"]), start=KEYS, end=KEYS, limit=st.integers(0, 3))
    def read_range(self, name: str, start: bytes, end: bytes, limit: int) -> None:
        expected = sorted((key, row) for key, row in self.plain_model[name].items() if start <= key < end)
        assert list(self.plain[name].rows(start, end, limit)) == expected[:limit]

    @rule(name=st.sampled_from(["grouped", "roomy"]), group=GROUPS)
    def read_group(self, name: str, group: bytes) -> None:
        expected = sorted(self.grouped_model[name].get(group, {}).items())
        assert self.grouped[name].rows(group) == expected

    @rule(name=st.sampled_from(["grouped", "roomy"]), group=GROUPS, key=KEYS)
    def read_grouped(self, name: str, group: bytes, key: bytes) -> None:
        assert self.grouped[name].get(group, key) == self.grouped_model[name].get(group, {}).get(key)

    @invariant()
    def a_reader_sees_the_last_writes(self) -> None:
        for name, table in self.plain.items():
            assert {key: table.get(key) for key in (b"a", b"b") if table.get(key) is not None} == (
                self.plain_model[name]
            )
            assert list(table.rows()) == sorted(self.plain_model[name].items())


class OverlayReadThroughout(Overlay):
    """The same with every group read after every step: groups are whole in memory whenever they can be."""

    @invariant()
    def groups_are_whole(self) -> None:
        for name, table in self.grouped.items():
            for group in (b"1", b"2"):
                assert table.rows(group) == sorted(self.grouped_model[name].get(group, {}).items())


TestOverlay = Overlay.TestCase
TestOverlayReadThroughout = OverlayReadThroughout.TestCase
TestOverlay.settings = TestOverlayReadThroughout.settings = settings(
    max_examples=250, stateful_step_count=30, deadline=None
)


def tables() -> tuple[MemoryStore, Writes, Pending]:
    return MemoryStore(), Writes(), Pending()


def turn(writes: Writes) -> Changes:
    changes = Changes()
    writes.entries = changes.entries
    return changes


def test_no_more_clean_rows_stay_than_there_is_room_for() -> None:
    store, writes, pending = tables()
    table = Table[int]("plain", int, PREFIX, store, writes, keep=2)
    changes = turn(writes)
    for key in (b"a", b"b", b"c"):
        table.put(key, 1)
    pending.add(changes)
    write_down(store, pending)
    store.write([("plain", PREFIX + key, b"\x02") for key in (b"a", b"b", b"c")])
    assert [table.get(key) for key in (b"a", b"b", b"c")] == [2, 1, 1]


def test_groups_stay_whole_while_there_is_room() -> None:
    store, writes, pending = tables()
    table = GroupedTable[int]("grouped", int, PREFIX, store, writes, keep_bytes=2_050)
    for group in (b"1", b"2", b"3"):
        changes = turn(writes)
        table.put(group, b"a", 1, first=True)
        pending.add(changes)
        write_down(store, pending)
    store.write([("grouped", PREFIX + group + b"a", b"\x02") for group in (b"1", b"2", b"3")])
    assert [table.get(group, b"a") for group in (b"1", b"2", b"3")] == [2, 1, 1]


def test_what_is_born_and_deleted_before_it_was_written_is_never_written() -> None:
    store, writes, pending = tables()
    table = Table[int]("plain", int, PREFIX, store, writes)
    for value in (1, None):
        changes = turn(writes)
        table.put(b"a", value, new=value is not None)
        pending.add(changes)
    assert len(pending) == 0
    assert table.get(b"a") is None


def test_a_derived_value_is_made_once_and_anew_after_a_deletion_or_a_roll_back() -> None:
    store, writes, _ = tables()
    table = GroupedTable[int]("grouped", int, PREFIX, store, writes)
    made = []

    def derive(rows: list[tuple[bytes, int]]) -> int:
        made.append(sum(row for _, row in rows))
        return made[-1]

    changes = turn(writes)
    table.put(b"1", b"a", 1, first=True)
    assert [table.derived(b"1", derive) for _ in range(2)] == [1, 1]
    assert table.derived_now(b"1") == 1
    mark = changes.mark()
    table.put(b"1", b"b", 2)
    changes.roll_back(mark)
    assert table.derived_now(b"1") is None
    assert table.derived(b"1", derive) == 1
    table.put(b"1", b"a", None)
    assert table.derived(b"1", derive) == 0
    assert made == [1, 1, 0]
