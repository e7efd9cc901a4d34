"""examples/cron_jobs.py in the kit: years of runs, each at its time and once."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

import cron_jobs
import odradek
from cron_jobs import Schedule, cancel, create, info
from example_node import OutsideWorld
from odradek import testing

NIGHTLY = Schedule("30 3 * * *", "back up")
SUNDAYS = Schedule("0 12 * * SUN", "wind up the clock")


def due(world: OutsideWorld) -> list[datetime]:
    return [datetime.fromisoformat(each["request_id"].partition(" at ")[2]) for each in world.done("worker")]


def test_a_job_runs_each_time_that_it_is_due(world: OutsideWorld) -> None:
    with testing.engine(cron_jobs.app) as engine:
        first = datetime.fromisoformat(engine.call(create, NIGHTLY, key="backup"))
        assert engine.now < first <= engine.now + timedelta(days=1)
        assert (first.hour, first.minute, first.second) == (3, 30, 0)
        engine.advance(timedelta(days=10))
        job = engine.call(info, key="backup")
        assert job.runs == 10
        assert job.due_at == (first + timedelta(days=10)).isoformat()
    assert due(world) == [first + timedelta(days=day) for day in range(10)]


def test_a_year_of_sundays(world: OutsideWorld) -> None:
    with testing.engine(cron_jobs.app) as engine:
        engine.call(create, SUNDAYS, key="clock")
        engine.advance(timedelta(days=364))
    runs = due(world)
    assert len(runs) == len(set(runs)) == 52
    assert all((each.isoweekday(), each.hour) == (7, 12) for each in runs)


def test_a_job_that_is_cancelled_never_runs_and_one_made_anew_runs_by_its_new_schedule(world: OutsideWorld) -> None:
    with testing.engine(cron_jobs.app) as engine:
        engine.call(create, NIGHTLY, key="backup")
        engine.call(cancel, key="backup")
        with pytest.raises(odradek.TerminalError, match="no job backup") as missing:
            engine.call(info, key="backup")
        assert missing.value.status_code == 404
        engine.call(create, SUNDAYS, key="backup")
        engine.advance(timedelta(days=7))
    assert [each.isoweekday() for each in due(world)] == [7]


@pytest.mark.parametrize("cron", ["", "every day", "61 * * * *", "0 0 31 2 *"])
def test_what_is_no_time_is_refused(cron: str) -> None:
    with testing.engine(cron_jobs.app) as engine:
        with pytest.raises(odradek.TerminalError, match="no cron expression") as refused:
            engine.call(create, Schedule(cron, "nothing"), key="job")
        assert refused.value.status_code == 400


def test_a_job_is_made_once() -> None:
    with testing.engine(cron_jobs.app) as engine:
        engine.call(create, NIGHTLY, key="backup")
        with pytest.raises(odradek.TerminalError, match="backup exists") as refused:
            engine.call(create, SUNDAYS, key="backup")
        assert refused.value.status_code == 409


def test_a_run_that_takes_long_stands_for_those_that_were_due_meanwhile(world: OutsideWorld) -> None:
    with testing.engine(cron_jobs.app) as engine:
        engine.call(create, Schedule("* * * * * *", "tick"), key="clock")
        world.take_down("worker")
        engine.advance(timedelta(minutes=10))
        world.take_down()
        engine.advance(timedelta(minutes=10))
        assert engine.call(info, key="clock").runs == len(due(world))
    first, second = due(world)[:2]
    assert second - first > timedelta(minutes=9)


def test_a_crash_anywhere_changes_nothing(new_world: Callable[[], OutsideWorld]) -> None:
    def scenario(engine: testing.Engine) -> list[str]:
        world = new_world()
        engine.call(create, NIGHTLY, key="backup")
        engine.fail_first("work")
        engine.advance(timedelta(days=2))
        return [each["task"] for each in world.done("worker")]

    report = testing.replay_everywhere(cron_jobs.app, scenario)
    assert report.outcome == ["back up", "back up"]
