"""What is derived from measurements: slopes, the cost of a step, goals, ratios to peers."""

from dataclasses import replace
from typing import Any

import pytest
from bench.goals import Goal, endpoint_goals, own_goals, peer_goals
from bench.results import Cell, Events, FloorResult, Run, Sample, slope
from bench.soak import judged

FLOOR = FloorResult("a write", 1000, p50_ms=0.2, p99_ms=1.0)


def cell(workload: str, clients: int, p50_ms: float = 1.0, per_second: float = 1000.0, failed: int = 0) -> Cell:
    ratio = p50_ms / FLOOR.p50_ms if clients == 1 else None
    return Cell(workload, clients, 1000, 1.0, failed, p50_ms, p50_ms, per_second, 0.1, {}, ratio)


def run(*cells: Cell, **more: Any) -> Run:
    return replace(Run("odradek", "kafka", FLOOR, cells), **more)


def events(per_second: float, found: int = 5050) -> Events:
    return Events(100, 1.0, 0.9, per_second, sum_expected=5050, sum_found=found, cpu_us={})


def met(goals: list[Goal]) -> dict[str, bool]:
    return {goal.what: goal.met for goal in goals}


def test_slope_of_a_line() -> None:
    assert slope([(0, 5.0), (10, 25.0), (20, 45.0)]) == pytest.approx(2.0)
    assert slope([(1, 5.0)]) == 0.0
    assert slope([(1, 5.0), (1, 6.0)]) == 0.0


def test_a_step_is_what_calls_with_more_steps_take_longer() -> None:
    measured = run(cell("noop", 1, 0.5), cell("steps3", 1, 1.1), cell("steps9", 1, 2.3), cell("steps9", 32, 90.0))
    assert measured.step_ms == pytest.approx(0.2)
    assert run(cell("steps1", 1, 0.7), cell("steps9", 1, 2.3)).step_ms == pytest.approx(0.2)
    assert run(cell("noop", 1), cell("add", 1)).step_ms is None


def test_goals_in_floors() -> None:
    step, noop = "a durable step at 1 client", "noop at 1 client"
    assert met(own_goals(run(cell("noop", 1, 1.0), cell("steps9", 1, 4.5)))) == {noop: True, step: True}
    assert met(own_goals(run(cell("noop", 1, 1.1), cell("steps9", 1, 4.9)))) == {noop: False, step: False}


def test_goals_in_calls_a_second_at_many_clients() -> None:
    fast = (cell("noop", 128, 9, 8_000), cell("add", 128, 9, 6_000), cell("steps9", 128, 9, 2_500))
    assert set(met(own_goals(run(*fast, events=events(8_000)))).values()) == {True}
    slow = (cell("noop", 128, 9, 7_999), cell("add", 128, 9, 5_999), cell("steps9", 128, 9, 2_499))
    assert set(met(own_goals(run(*slow, events=events(7_999)))).values()) == {False}
    assert own_goals(run(cell("noop", 32, 9, 1))) == []


def test_goals_against_a_peer() -> None:
    peer = Run("restate", "", cells=(cell("call", 1, 8.0), cell("call", 32, 9.0), cell("call", 128, 9.0, 100)))
    better = run(cell("call", 1, 2.0), cell("call", 32, 9.0), cell("call", 128, 9.0, 1000), cell("add", 1))
    worse = run(cell("call", 1, 2.1), cell("call", 128, 9.0, 999))
    assert met(peer_goals(better, peer)) == {"call at 1 client": True, "call at 128 clients": True}
    assert met(peer_goals(worse, peer)) == {"call at 1 client": False, "call at 128 clients": False}


def test_goals_against_a_peer_with_the_same_handlers_elsewhere() -> None:
    peer = Run("restate", "", handlers="theirs", cells=(cell("call", 1, 8.0), cell("call", 128, 9.0, 100)))
    as_fast = run(cell("call", 1, 8.0), cell("call", 128, 9.0, 100), handlers="theirs")
    slower = run(cell("call", 1, 8.1), cell("call", 128, 9.0, 99), handlers="theirs")
    assert set(met(peer_goals(as_fast, peer)).values()) == {True}
    assert set(met(peer_goals(slower, peer)).values()) == {False}
    assert peer_goals(run(cell("call", 1, 1.0), handlers="ours"), peer) == []


def test_goals_of_our_endpoint_against_the_official_one() -> None:
    official = run(cell("call", 1), cell("call", 128, 9.0, 100), handlers="theirs")
    assert met(endpoint_goals(run(cell("call", 1), cell("call", 128, 9.0, 150)), official)) == {
        "call at 128 clients": True
    }
    assert met(endpoint_goals(run(cell("call", 128, 9.0, 149)), official)) == {"call at 128 clients": False}


def test_flat_is_judged_by_the_second_half() -> None:
    def sizes(*mib: int) -> tuple[Sample, ...]:
        return tuple(Sample(100 * n, 1.0, size << 20, size << 20) for n, size in enumerate(mib))

    flat = judged(0, sizes(10, 60, 90, 100, 100, 102, 101))
    grows = judged(0, sizes(70, 80, 90, 100, 110, 120, 130))
    assert set(met(own_goals(run(soak=flat))).values()) == {True}
    assert set(met(own_goals(run(soak=grows))).values()) == {False}
    assert grows.resident_bytes_per_call == pytest.approx((10 << 20) / 100)
    assert grows.disk_growth == pytest.approx(0.3)
    unknown = judged(0, tuple(replace(sample, resident_bytes=None) for sample in sizes(10, 10, 10)))
    assert [goal.what[:4] for goal in own_goals(run(soak=unknown))] == ["disk"]


def test_figures_that_are_worth_nothing_are_named() -> None:
    assert run(cell("noop", 1), events=events(1, 5050)).faults == []
    failed = run(cell("noop", 1, failed=3), events=events(1, 5051), failure="the node ended")
    assert failed.faults == [
        "odradek on kafka: noop at 1 clients: 3 requests failed",
        "odradek on kafka: events add up to 5051, not to 5050",
        "odradek on kafka: the node ended",
    ]
