"""Pending timers: earliest first, no more in memory than allowed, none lost."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from machine_world import write_down
from odradek_engine.model.events import TimerCleared, TimerSet
from odradek_engine.model.rows import Timer, TimerKind
from odradek_engine.partition.apply import apply
from odradek_engine.partition.overlay import Changes, Pending
from odradek_engine.partition.tables import Tables
from odradek_engine.replica import timers
from odradek_engine.replica.timers import TimerQueue
from odradek_engine.store.memory import MemoryStore


def timer(due: int, number: int = 0) -> Timer:
    return Timer(due, TimerKind.SLEEP, bytes(24), number)


class Pocket:
    """A timers table and its queue."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.tables = Tables(0, self.store)
        self.pending = Pending()
        self.queue = TimerQueue(self.tables.timers)
        self.queue.load()

    def emit(self, event: TimerSet | TimerCleared) -> None:
        changes = Changes()
        self.tables.record_in(changes)
        apply(event, self.tables)
        self.pending.add(changes)

    def set(self, *new: Timer) -> None:
        for one in new:
            self.emit(TimerSet(one))
            self.queue.add(one)

    def fire(self, now: int, limit: int = 100) -> list[Timer]:
        due = self.queue.take_due(now, limit)
        for one in due:
            self.emit(TimerCleared(one))
        return due

    def fire_all(self, now: int) -> list[Timer]:
        """As the processor does: looks again as long as something is due."""
        fired: list[Timer] = []
        while True:
            at = self.queue.next_due()
            if at is None or at > now:
                return fired
            fired += self.fire(now)


@pytest.fixture
def window(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(timers, "WINDOW", 4)
    return 4


def test_the_earliest_comes_first_and_none_before_its_time() -> None:
    pocket = Pocket()
    assert pocket.queue.next_due() is None
    pocket.set(timer(30), timer(10), timer(20))
    assert pocket.queue.next_due() == 10
    assert pocket.fire(9) == []
    assert pocket.fire(20) == [timer(10), timer(20)]
    assert pocket.queue.next_due() == 30


def test_a_limited_number_is_taken_at_a_time() -> None:
    pocket = Pocket()
    pocket.set(*(timer(1, number) for number in range(5)))
    assert [len(pocket.fire(1, limit=2)) for _ in range(4)] == [2, 2, 1, 0]


def test_one_that_is_armed_twice_is_no_trouble() -> None:
    pocket = Pocket()
    pocket.set(timer(10))
    pocket.queue.add(timer(10))
    assert pocket.fire(10) == [timer(10), timer(10)]


def test_what_is_stored_is_loaded_window_by_window(window: int) -> None:
    pocket = Pocket()
    every = [timer(due) for due in range(1, 3 * window + 2)]
    for one in every:
        pocket.emit(TimerSet(one))
    write_down(pocket.store, pocket.pending)
    pocket.queue = TimerQueue(pocket.tables.timers)
    pocket.queue.load()
    assert pocket.fire_all(100) == every
    assert pocket.queue.next_due() is None


def test_no_more_than_two_windows_stay_in_memory(window: int) -> None:
    pocket = Pocket()
    pocket.set(*(timer(due) for due in range(2 * window)))
    heap = pocket.queue._heap
    assert len(heap) == window
    pocket.set(timer(100))
    assert len(pocket.queue._heap) == window
    assert pocket.fire_all(1000) == [*(timer(due) for due in range(2 * window)), timer(100)]


def test_timers_of_one_instant_that_do_not_fit_are_not_forgotten(window: int) -> None:
    pocket = Pocket()
    every = [timer(5, number) for number in range(3 * window)]
    pocket.set(*every)
    assert sorted(pocket.fire_all(5)) == every


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 3), st.booleans()), max_size=60))
def test_each_fires_once_and_in_its_time_whatever_the_order(steps: list[tuple[int, int, bool]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timers, "WINDOW", 2)
        pocket = Pocket()
        now = 0
        expected: set[Timer] = set()
        for number, (ahead, later, flush) in enumerate(steps):
            one = timer(now + ahead, number)
            expected.add(one)
            pocket.set(one)
            if flush:
                write_down(pocket.store, pocket.pending)
            now += later
            fired = pocket.fire_all(now)
            due = {one for one in expected if one.due_at <= now}
            assert set(fired) == due
            assert len(fired) == len(due)
            expected -= due
