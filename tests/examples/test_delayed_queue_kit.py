"""examples/delayed_queue.py in the kit: a task is done when it is due, once however often it is submitted."""

from collections.abc import Callable
from datetime import timedelta

import delayed_queue
from delayed_queue import PrintShop, Task, run_task, submit
from example_node import OutsideWorld
from odradek import testing

WEEK = timedelta(days=7)
TASK = Task("t", "poems", WEEK.total_seconds())
DONE = [f"print-shop: {step} t" for step in PrintShop.STEPS]


def test_a_task_is_done_once_a_week_later_although_steps_fail(world: OutsideWorld) -> None:
    with testing.engine(delayed_queue.app) as engine:
        engine.fail_first("print", attempts=2)
        queued = {engine.call(submit, TASK) for _ in range(3)}
        assert len(queued) == 1
        engine.advance(WEEK - timedelta(hours=1))
        assert world.story() == []
        assert engine.attach(queued.pop(), run_task).result() == "poems: typeset, print, bind"
    assert world.story() == DONE


def test_a_crash_anywhere_changes_nothing(new_world: Callable[[], OutsideWorld]) -> None:
    def scenario(engine: testing.Engine) -> tuple[str, list[str]]:
        world = new_world()
        queued = engine.call(submit, TASK)
        return engine.attach(queued, run_task).result(), world.story()

    outcome = testing.replay_everywhere(delayed_queue.app, scenario).outcome
    assert outcome == ("poems: typeset, print, bind", DONE)
