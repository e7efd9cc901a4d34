"""Which records count: a table of readers and records, and random logs of several writers."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from odradek_engine.replica.fence import Fence
from odradek_engine.replica.record import FORMAT, JournalRecord


def record(announcement: bytes, epoch: int, index: int) -> JournalRecord:
    return JournalRecord(FORMAT, announcement, epoch, index, 0, 0, ())


NOBODY = Fence()
A3 = Fence(b"A", 3, 5)


@pytest.mark.parametrize(
    ("fence", "announcement", "epoch", "index", "after"),
    [
        (NOBODY, b"A", 1, 0, Fence(b"A", 1, 1)),
        (NOBODY, b"A", 9, 0, Fence(b"A", 9, 1)),
        (NOBODY, b"A", 0, 0, None),
        (NOBODY, b"A", 1, 1, None),
        (A3, b"A", 3, 5, Fence(b"A", 3, 6)),
        (A3, b"A", 3, 4, None),  # doubled
        (A3, b"A", 3, 6, None),  # one before it was lost
        (A3, b"B", 3, 5, None),
        (A3, b"A", 4, 5, None),
        (A3, b"A", 2, 5, None),
        (A3, b"B", 4, 0, Fence(b"B", 4, 1)),
        (A3, b"B", 9, 0, Fence(b"B", 9, 1)),
        (A3, b"B", 3, 0, None),  # two of one epoch: the first in the log counts
        (A3, b"B", 2, 0, None),
        (A3, b"A", 3, 0, None),  # doubled
    ],
)
def test_admission(fence: Fence, announcement: bytes, epoch: int, index: int, after: Fence | None) -> None:
    assert fence.admit(record(announcement, epoch, index)) == after


RECORDS = st.lists(st.tuples(st.sampled_from([b"A", b"B", b"C"]), st.integers(0, 3), st.integers(0, 3)), max_size=40)


@given(RECORDS)
def test_what_counts_is_one_writer_after_another_without_gaps(log: list[tuple[bytes, int, int]]) -> None:
    fence, counted = NOBODY, []
    for one in log:
        admitted = fence.admit(record(*one))
        if admitted is not None:
            fence = admitted
            counted.append(one)
    for before, after in zip([(b"", 0, 0), *counted], counted, strict=False):
        if after[2] == 0:
            assert after[1] > before[1]
        else:
            assert after == (before[0], before[1], before[2] + 1)


@given(RECORDS, st.integers(0, 40))
def test_reading_may_stop_and_go_on_anywhere(log: list[tuple[bytes, int, int]], at: int) -> None:
    def read(fence: Fence, part: list[tuple[bytes, int, int]]) -> Fence:
        for one in part:
            fence = fence.admit(record(*one)) or fence
        return fence

    assert read(read(NOBODY, log[:at]), log[at:]) == read(NOBODY, log)
