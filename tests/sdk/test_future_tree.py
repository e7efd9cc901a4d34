"""When trees of futures are resolved."""

from __future__ import annotations

import pytest

from odradek.protocol.future import MAX_FUTURE_DEPTH, FutureTooDeep, NotificationKey, Outcome, resolve
from odradek.protocol.messages import Combinator, Future

S, F = Outcome.SUCCESS, Outcome.FAILURE


@pytest.mark.parametrize(
    ("combinator", "completed", "expected"),
    [
        (Combinator.UNKNOWN, {}, None),
        (Combinator.UNKNOWN, {2: F}, F),
        (Combinator.FIRST_COMPLETED, {}, None),
        (Combinator.FIRST_COMPLETED, {2: S}, S),
        (Combinator.FIRST_COMPLETED, {1: F}, F),
        (Combinator.ALL_COMPLETED, {1: S}, None),
        (Combinator.ALL_COMPLETED, {1: F, 2: F}, S),
        (Combinator.FIRST_SUCCEEDED_OR_ALL_FAILED, {1: F}, None),
        (Combinator.FIRST_SUCCEEDED_OR_ALL_FAILED, {2: S}, S),
        (Combinator.FIRST_SUCCEEDED_OR_ALL_FAILED, {1: F, 2: F}, F),
        (Combinator.ALL_SUCCEEDED_OR_FIRST_FAILED, {1: S}, None),
        (Combinator.ALL_SUCCEEDED_OR_FIRST_FAILED, {2: F}, F),
        (Combinator.ALL_SUCCEEDED_OR_FIRST_FAILED, {1: S, 2: S}, S),
    ],
)
def test_flat(combinator: Combinator, completed: dict[NotificationKey, Outcome], expected: Outcome | None) -> None:
    assert resolve(Future((1, 2), combinator=combinator), completed) is expected


def test_leaves_of_all_kinds() -> None:
    future = Future((1,), (17,), ("go",), combinator=Combinator.ALL_COMPLETED)
    assert resolve(future, {1: S, -17: S}) is None
    assert resolve(future, {1: S, -17: S, "go": S}) is S


def test_nested() -> None:
    both = Future((1, 2), combinator=Combinator.ALL_SUCCEEDED_OR_FIRST_FAILED)
    either = Future(waiting_signals=(1,), nested_futures=(both,), combinator=Combinator.FIRST_COMPLETED)
    assert resolve(either, {1: S}) is None
    assert resolve(either, {1: F}) is F
    assert resolve(either, {-1: S}) is S
    assert resolve(either, {1: S, 2: S}) is S


def test_same_node_twice() -> None:
    leaf = Future((1,), combinator=Combinator.FIRST_COMPLETED)
    assert resolve(Future(nested_futures=(leaf, leaf), combinator=Combinator.ALL_COMPLETED), {1: S}) is S


@pytest.mark.parametrize(("depth", "fits"), [(MAX_FUTURE_DEPTH, True), (MAX_FUTURE_DEPTH + 1, False)])
def test_depth_is_bounded(depth: int, fits: bool) -> None:
    future = Future((1,), combinator=Combinator.FIRST_COMPLETED)
    for _ in range(depth - 1):
        future = Future(nested_futures=(future,), combinator=Combinator.FIRST_COMPLETED)
    if fits:
        assert resolve(future, {1: S}) is S
    else:
        with pytest.raises(FutureTooDeep):
            resolve(future, {1: S})
