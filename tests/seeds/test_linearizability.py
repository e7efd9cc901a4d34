"""The search for an order that explains what clients saw of a register."""

from __future__ import annotations

from simulation.checkers.linearizability import FOREVER, Operation, linearizable


def test_orders_that_real_time_allows() -> None:
    overlapping = [Operation("add", 1, 0, 5, 3), Operation("add", 2, 1, 4, 2), Operation("read", 0, 2, 3, 0)]
    assert linearizable(overlapping)
    assert linearizable([Operation("write", 7, 0, 1, 7), Operation("read", 0, 2, 3, 7)])


def test_what_is_not_known_may_have_happened_or_not() -> None:
    unheard = Operation("write", 7, 0, FOREVER, None)
    assert linearizable([unheard, Operation("read", 0, 1, 2, 0)])
    assert linearizable([unheard, Operation("read", 0, 1, 2, 7)])
    assert linearizable([unheard, Operation("read", 0, 1, 2, 0), Operation("read", 0, 3, 4, 7)])


def test_what_no_order_explains() -> None:
    unheard = Operation("write", 7, 0, FOREVER, None)
    assert not linearizable([Operation("write", 7, 0, 1, 7), Operation("read", 0, 2, 3, 0)])
    assert not linearizable([unheard, Operation("read", 0, 1, 2, 7), Operation("read", 0, 3, 4, 0)])
    assert not linearizable([Operation("add", 1, 0, 2, 1), Operation("add", 1, 1, 3, 1)])
