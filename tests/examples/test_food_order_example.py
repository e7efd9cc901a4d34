"""examples/food_order.py: paid once, cooked when the restaurant calls back, across a kill."""

from collections.abc import Iterator

import pytest

from example_node import OutsideWorld, running_example
from live_node import LiveNode, wait_until

pytestmark = pytest.mark.live

Running = tuple[LiveNode, OutsideWorld]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_example("food_order.py", tmp_path_factory.mktemp("food_order")) as running:
        yield running


def an_order(credit_card: str = "4242", delay_s: float = 0.0) -> dict[str, object]:
    return {
        "restaurant": "Chez Odradek",
        "dishes": ["soup", "pie"],
        "price_cents": 2350,
        "credit_card": credit_card,
        "delay_s": delay_s,
    }


def test_an_order_goes_on_after_a_kill_while_it_is_cooked(running: Running) -> None:
    node, world = running
    invocation = node.send("FoodOrder", "order-1", "place", an_order(delay_s=0.2))
    wait_until(lambda: world.done("restaurant"), "the restaurant has the order")
    assert node.call("FoodOrder", "order-1", "status", None) == "in preparation"
    node.restart()
    assert node.call("FoodOrder", "order-1", "status", None) == "in preparation"
    [cooking] = world.done("restaurant")
    node.resolve_awakeable(cooking["callback"], "served hot")
    assert node.attach(invocation) == "delivered"
    assert [each["cents"] for each in world.done("payments")] == [2350]
    assert [each["action"] for each in world.done("drivers")] == ["assign", "thank"]
    assert len(world.done("restaurant")) == 1
    state = node.state("FoodOrder", "order-1")
    assert state == {"driver": world.done("drivers")[0]["driver"], "status": "delivered"}


def test_an_order_placed_again_is_the_same_order(running: Running) -> None:
    node, world = running
    assert node.call("FoodOrder", "order-2", "place", an_order("empty")) == "cancelled"
    assert node.call("FoodOrder", "order-2", "place", an_order()) == "cancelled"
    assert [each for each in world.done("restaurant") if each["request_id"] == "order-2"] == []


def test_an_order_that_was_never_placed_has_no_status(running: Running) -> None:
    node, _ = running
    assert node.call("FoodOrder", "order-3", "status", None) is None
