"""examples/priority_queue.py in the kit: the most urgent job first, and a place that is never lost."""

from collections.abc import Callable
from datetime import timedelta

import pytest

import odradek
import priority_queue
from example_node import OutsideWorld
from odradek import testing
from priority_queue import Job, print_job


def printed(world: OutsideWorld) -> list[str]:
    return [each["request_id"] for each in world.done("printer")]


def queue_up(engine: testing.Engine, world: OutsideWorld, **priorities: int) -> list[testing.Invocation[str]]:
    """All of them wait behind a job that the printer does not take."""
    world.take_down("printer")
    jobs = [engine.send(print_job, Job("first", "a poem"))]
    jobs += [engine.send(print_job, Job(name, "a poem", priority)) for name, priority in priorities.items()]
    world.take_down()
    return jobs


def test_the_most_urgent_one_is_next_and_of_two_the_one_that_came_first(world: OutsideWorld) -> None:
    with testing.engine(priority_queue.app) as engine:
        jobs = queue_up(engine, world, low=1, high=9, low_too=1, middle=5, high_too=9)
        assert [each.result() for each in jobs][-1] == "high_too is printed"
    assert printed(world) == ["first", "high", "high_too", "middle", "low", "low_too"]


def test_jobs_that_are_cancelled_leave_the_queue_and_the_printer(world: OutsideWorld) -> None:
    with testing.engine(priority_queue.app) as engine:
        first, cancelled, last = queue_up(engine, world, cancelled=9, last=1)
        cancelled.cancel()
        first.cancel()
        for each in (first, cancelled):
            with pytest.raises(odradek.TerminalError, match="cancelled"):
                each.result()
        assert last.result() == "last is printed"
        engine.advance(timedelta(seconds=1))
        assert engine.state("PriorityQueue", "printer") == {"line": {"served": [], "waiting": []}}


def test_a_queue_that_is_full_refuses(world: OutsideWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(priority_queue, "WAITING_MAX", 2)
    with testing.engine(priority_queue.app) as engine:
        *jobs, one_too_many = queue_up(engine, world, a=1, b=1, c=9)
        with pytest.raises(odradek.TerminalError, match="2 jobs wait") as refused:
            one_too_many.result()
        assert refused.value.status_code == 503
        assert [each.result() for each in jobs] == ["first is printed", "a is printed", "b is printed"]


def test_a_crash_anywhere_changes_nothing(new_world: Callable[[], OutsideWorld]) -> None:
    def scenario(engine: testing.Engine) -> list[str]:
        world = new_world()
        for each in queue_up(engine, world, low=1, high=9):
            each.result()
        return printed(world)

    report = testing.replay_everywhere(priority_queue.app, scenario)
    assert report.outcome == ["first", "high", "low"]
