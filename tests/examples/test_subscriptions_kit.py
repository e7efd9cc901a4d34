"""examples/subscriptions.py in the kit: steps that fail, are refused, or are cut short by a crash."""

from collections.abc import Callable

import pytest

import odradek
import subscriptions
from example_node import OutsideWorld
from odradek import testing
from subscriptions import SubscriptionRequest, subscribe


def actions(world: OutsideWorld) -> list[str]:
    return [f"{each['action']} {each.get('title', 'payment')}" for each in world.entries()]


def test_steps_that_fail_are_tried_again(world: OutsideWorld) -> None:
    with testing.engine(subscriptions.app) as engine:
        for step in ("create payment", "create monthly"):
            engine.fail_first(step, attempts=3)
        payment_id = engine.call(subscribe, SubscriptionRequest("ada", "4242", ["weekly", "monthly"]))
    assert actions(world) == ["create payment", "create weekly", "create monthly"]
    assert world.done("payments")[0]["request_id"] == payment_id


@pytest.mark.parametrize("step", ["create payment", "create weekly", "create monthly"])
def test_whichever_step_is_refused_all_before_it_are_undone(world: OutsideWorld, step: str) -> None:
    with testing.engine(subscriptions.app) as engine:
        engine.fail_first(step, error=odradek.TerminalError("refused", 409))
        with pytest.raises(odradek.TerminalError, match="refused"):
            engine.call(subscribe, SubscriptionRequest("ada", "4242", ["weekly", "monthly"]))
    done = actions(world)
    created = done[: len(done) // 2]
    assert created == ["create payment", "create weekly"][: len(created)]
    assert done[len(created) :] == [each.replace("create", "remove") for each in reversed(created)]


@pytest.mark.parametrize("last", ["monthly", "sold-out"])
def test_a_crash_anywhere_changes_nothing(new_world: Callable[[], OutsideWorld], last: str) -> None:
    def scenario(engine: testing.Engine) -> list[str]:
        world = new_world()
        try:
            engine.call(subscribe, SubscriptionRequest("ada", "4242", ["weekly", last]))
        except odradek.TerminalError:
            assert last == "sold-out"
        return actions(world)

    done = testing.replay_everywhere(subscriptions.app, scenario).outcome
    end = ["create monthly"] if last == "monthly" else ["remove weekly", "remove payment"]
    assert done == ["create payment", "create weekly", *end]
