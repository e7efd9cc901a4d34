"""examples/cron_jobs.py under both: a job that is cancelled before its time, and one that is cancelled as it runs."""

from collections.abc import Callable

import pytest
from scene import Scene

pytestmark = [pytest.mark.oracle, pytest.mark.live]


def script(scene: Scene) -> None:
    scene.call("CronJob", "wrong", "create", {"cron": "every day", "task": "sweep"})
    scene.call("CronJob", "newyear", "info", None)
    scene.call("CronJob", "newyear", "create", {"cron": "0 0 1 1 *", "task": "light a rocket"})
    scene.call("CronJob", "newyear", "create", {"cron": "0 0 1 1 *", "task": "light another one"})
    scene.call("CronJob", "newyear", "info", None)
    scene.call("CronJob", "newyear", "cancel", None)
    scene.call("CronJob", "newyear", "info", None)


def one_run(scene: Scene) -> None:
    scene.world.take_down("worker")
    scene.call("CronJob", "clock", "create", {"cron": "* * * * * *", "task": "tick"})
    scene.until_it_fails("CronJob/clock/run")
    cancel = scene.send("CronJob", "clock", "cancel", None)
    scene.world.take_down()
    scene.attach(cancel)
    scene.until_none_scheduled()


def test_cron_jobs(assert_equal: Callable[..., None]) -> None:
    assert_equal("cron_jobs.py", script)


def test_one_run_of_a_cron_job(assert_equal: Callable[..., None]) -> None:
    assert_equal("cron_jobs.py", one_run)
