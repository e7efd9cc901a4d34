"""examples/machine_operator.py in the kit: commands in their order, and refused where they do not fit."""

from collections.abc import Callable
from datetime import timedelta

import pytest

import machine_operator
import odradek
from example_node import OutsideWorld
from machine_operator import SET_UP, STEP_TAKES, TEAR_DOWN, set_up, state, tear_down
from odradek import testing

SECOND = timedelta(seconds=1)


def steps(world: OutsideWorld, machine: str) -> list[str]:
    return [each["action"] for each in world.done(machine)]


def test_a_machine_is_seen_in_each_state() -> None:
    with testing.engine(machine_operator.app) as engine:
        assert engine.call(state, key="mill") == "down"
        going_up = engine.send(set_up, key="mill")
        assert engine.call(state, key="mill") == "setting up"
        assert going_up.result() == "up"
        assert engine.call(state, key="mill") == "up"
        going_down = engine.send(tear_down, key="mill")
        assert engine.call(state, key="mill") == "tearing down"
        assert going_down.result() == "down"


def test_commands_wait_for_their_turn_and_stay_in_order(world: OutsideWorld) -> None:
    with testing.engine(machine_operator.app) as engine:
        commands = [engine.send(command, key="mill") for command in (set_up, tear_down, set_up)]
        other = engine.send(set_up, key="lathe")
        engine.advance(len(SET_UP.steps) * STEP_TAKES + SECOND)
        assert other.done, "machines do not wait for each other"
        assert [each.done for each in commands] == [True, False, False]
        assert [each.result() for each in commands] == ["up", "down", "up"]
    assert steps(world, "mill") == [*SET_UP.steps, *TEAR_DOWN.steps, *SET_UP.steps]


def test_what_does_not_fit_the_state_when_its_turn_comes_is_refused(world: OutsideWorld) -> None:
    with testing.engine(machine_operator.app) as engine:
        with pytest.raises(odradek.TerminalError, match="mill is down, not up") as refused:
            engine.call(tear_down, key="mill")
        assert refused.value.status_code == 409
        first, second = (engine.send(set_up, key="mill") for _ in range(2))
        assert first.result() == "up"
        with pytest.raises(odradek.TerminalError, match="mill is up, not down"):
            second.result()
        assert engine.call(state, key="mill") == "up"
    assert steps(world, "mill") == list(SET_UP.steps)


def test_a_crash_anywhere_changes_nothing(new_world: Callable[[], OutsideWorld]) -> None:
    def scenario(engine: testing.Engine) -> list[str]:
        world = new_world()
        engine.fail_first("warm up", attempts=2)
        for each in [engine.send(command, key="mill") for command in (set_up, tear_down)]:
            each.result()
        return steps(world, "mill")

    report = testing.replay_everywhere(machine_operator.app, scenario)
    assert report.outcome == [*SET_UP.steps, *TEAR_DOWN.steps]
