"""Slots are shared fairly, and one deployment that keeps its own does not keep others from theirs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odradek_engine.invoker.slots import Slots, Waiting


def one(number: int, partition: int = 0) -> Waiting:
    return Waiting(partition, b"%d" % number, 1)


def slots(limit: int, *, deployments: int = 2) -> Slots:
    return Slots(limit, lambda: deployments)


def taken(line: Slots, deployment: str) -> int:
    """How many slots a deployment can get."""
    count = 0
    while line.take(deployment):
        count += 1
    return count


def test_a_single_deployment_may_have_them_all() -> None:
    assert taken(slots(1000, deployments=1), "a") == 1000


def test_each_of_several_leaves_a_part_to_the_others() -> None:
    line = slots(1000)
    assert taken(line, "a") == 900
    assert taken(line, "b") == 90
    assert taken(line, "c") == 9
    assert taken(line, "a") == 0


def test_few_slots_are_shared_as_well() -> None:
    line = slots(2)
    assert [taken(line, name) for name in "abc"] == [1, 1, 0]
    assert taken(slots(1), "a") == 1


@pytest.mark.parametrize("limit", [20, 1000])
def test_each_finds_a_slot_though_many_keep_theirs(limit: int) -> None:
    line = slots(limit, deployments=8)
    held = [taken(line, name) for name in "abcdefgh"]
    assert all(held), held


def test_old_deployments_without_number_do_not_keep_the_slots() -> None:
    assert taken(slots(100, deployments=5000), "a") == 50


def test_those_who_wait_follow_in_order_and_deployments_take_turns() -> None:
    line = slots(1, deployments=1)
    assert line.take("a")
    for number in range(4):
        line.wait("a", one(number))
    for number in range(10, 12):
        line.wait("b", one(number))
    assert line.waiting_count == 6
    assert line.take_next() is None
    order = []
    holder = "a"
    while line.waiting_count:
        line.give_back(holder)
        found = line.take_next()
        assert found is not None
        holder = found[0]
        order.append(found)
    assert order == [("a", one(0)), ("b", one(10)), ("a", one(1)), ("b", one(11)), ("a", one(2)), ("a", one(3))]


def test_what_a_partition_left_is_forgotten() -> None:
    line = slots(1)
    assert line.take("a")
    for number, partition in enumerate((1, 2, 1)):
        line.wait("a", one(number, partition))
    line.wait("b", one(9, 1))
    line.forget(1)
    line.give_back("a")
    assert line.take_next() == ("a", one(1, 2))
    assert line.waiting_count == 0


@given(st.lists(st.tuples(st.sampled_from(("take", "give back", "wait", "next")), st.sampled_from("abc"))))
def test_no_more_are_taken_than_there_are_and_none_is_lost(steps: list[tuple[str, str]]) -> None:
    line = slots(5)
    held: list[str] = []
    waiting: dict[str, list[Waiting]] = {name: [] for name in "abc"}
    for number, (step, deployment) in enumerate(steps):
        if step == "take" and line.take(deployment):
            held.append(deployment)
        elif step == "give back" and deployment in held:
            line.give_back(deployment)
            held.remove(deployment)
        elif step == "wait":
            line.wait(deployment, one(number))
            waiting[deployment].append(one(number))
        elif step == "next" and (found := line.take_next()) is not None:
            assert waiting[found[0]].pop(0) == found[1]
            held.append(found[0])
        assert len(held) <= 5
        assert line.waiting_count == sum(map(len, waiting.values()))
    for deployment in held:
        line.give_back(deployment)
    assert taken(line, "a") == 4
