"""examples/food_order.py under both."""

from collections.abc import Callable
from typing import Any

import pytest
from scene import Scene

pytestmark = [pytest.mark.oracle, pytest.mark.live]


def an_order(credit_card: str = "4242", delay_s: float = 0.0) -> dict[str, Any]:
    return {
        "restaurant": "Chez Odradek",
        "dishes": ["soup", "pie"],
        "price_cents": 2350,
        "credit_card": credit_card,
        "delay_s": delay_s,
    }


def script(scene: Scene) -> None:
    scene.call("FoodOrder", "order-1", "status", None)
    order = scene.send("FoodOrder", "order-1", "place", an_order(delay_s=0.2))
    [cooking] = scene.until_done("restaurant", "prepare")
    scene.call("FoodOrder", "order-1", "status", None)
    scene.get("restate", "invocation", order, "output")
    scene.resolve_awakeable(cooking["callback"], "served hot")
    scene.attach(order)
    scene.call("FoodOrder", "order-1", "place", an_order())

    order = scene.send("FoodOrder", "order-2", "place", an_order())
    [_, cooking] = scene.until_done("restaurant", "prepare", times=2)
    scene.reject_awakeable(cooking["callback"], "the kitchen is on fire")
    scene.attach(order)
    scene.call("FoodOrder", "order-2", "status", None)

    scene.call("FoodOrder", "order-3", "place", an_order("empty"))
    scene.call("Delivery", "deliver", "order-1")


def test_food_order(assert_equal: Callable[..., None]) -> None:
    assert_equal("food_order.py", script)
