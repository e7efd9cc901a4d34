"""examples/food_order.py in the kit: a restaurant that takes a week, and one that burns down."""

from collections.abc import Callable
from datetime import timedelta

import pytest

import food_order
import odradek
from example_node import OutsideWorld
from food_order import Order, Status, place, status
from odradek import testing


def an_order(credit_card: str = "4242", delay_s: float = 0.0) -> Order:
    return Order("Chez Odradek", ["soup", "pie"], 2350, credit_card, delay_s)


def the_callback(world: OutsideWorld) -> str:
    return str(world.done("restaurant")[0]["callback"])


def test_an_order_is_cooked_when_it_is_time_and_waits_for_the_cook(world: OutsideWorld) -> None:
    with testing.engine(food_order.app) as engine:
        for step in ("charge", "prepare", "assign driver", "thank driver"):
            engine.fail_first(step)
        order = engine.send(place, an_order(delay_s=3600), key="o")
        engine.advance(timedelta(minutes=59))
        assert engine.call(status, key="o") == Status.SCHEDULED
        assert world.done("restaurant") == []
        engine.advance(timedelta(days=7))
        assert engine.call(status, key="o") == Status.IN_PREPARATION
        engine.resolve_awakeable(the_callback(world), "it is hot")
        assert order.result() == Status.DELIVERED
        assert engine.call(place, an_order(), key="o") == Status.DELIVERED
    assert [f"{each['service']} {each['action']}" for each in world.entries()] == [
        "payments charge",
        "restaurant prepare",
        "drivers assign",
        "drivers thank",
    ]


def test_an_order_that_cannot_be_paid_is_not_cooked(world: OutsideWorld) -> None:
    with testing.engine(food_order.app) as engine:
        assert engine.call(place, an_order("empty"), key="o") == Status.CANCELLED
    assert world.entries() == []


def test_a_restaurant_may_give_up(world: OutsideWorld) -> None:
    with testing.engine(food_order.app) as engine:
        order = engine.send(place, an_order(), key="o")
        engine.reject_awakeable(the_callback(world), "the kitchen is on fire")
        with pytest.raises(odradek.TerminalError, match="on fire"):
            order.result()
    assert world.done("drivers") == []


def test_a_crash_anywhere_changes_nothing(new_world: Callable[[], OutsideWorld]) -> None:
    def scenario(engine: testing.Engine) -> tuple[str, int]:
        world = new_world()
        order = engine.send(place, an_order(delay_s=1), key="o")
        engine.advance(timedelta(minutes=1))
        engine.resolve_awakeable(the_callback(world), "it is hot")
        return order.result(), len(world.entries())

    assert testing.replay_everywhere(food_order.app, scenario).outcome == (Status.DELIVERED, 4)
