"""examples/subscriptions.py: each step once, also across a kill; all undone where one is refused."""

from collections.abc import Iterator

import pytest

from example_node import OutsideWorld, running_example
from live_node import LiveNode, Refused, wait_until

pytestmark = pytest.mark.live

Running = tuple[LiveNode, OutsideWorld]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_example("subscriptions.py", tmp_path_factory.mktemp("subscriptions")) as running:
        yield running


def request_of(user: str, *titles: str, credit_card: str = "4242") -> dict[str, object]:
    return {"user": user, "credit_card": credit_card, "subscriptions": titles}


def test_all_is_created_once_although_the_node_is_killed_on_the_way(running: Running) -> None:
    node, world = running
    world.take_down("publisher")
    invocation = node.send("SubscriptionService", "subscribe", request_of("ada", "weekly", "monthly"))
    wait_until(lambda: world.done("payments", "create"), "the payment is created")
    node.kill()
    world.take_down()
    node.start()
    payment_id = node.attach(invocation)
    assert [each["request_id"] for each in world.done("payments")] == [payment_id]
    assert [(each["action"], each["title"]) for each in world.done("publisher")] == [
        ("create", "weekly"),
        ("create", "monthly"),
    ]


def test_what_was_created_is_undone_backwards_where_a_step_is_refused(running: Running) -> None:
    node, world = running
    seen = len(world.done("publisher"))
    with pytest.raises(Refused) as refused:
        node.call("SubscriptionService", "subscribe", request_of("bob", "weekly", "monthly", "sold-out"))
    assert refused.value.status == 409
    assert [(each["action"], each["title"]) for each in world.done("publisher")[seen:]] == [
        ("create", "weekly"),
        ("create", "monthly"),
        ("remove", "monthly"),
        ("remove", "weekly"),
    ]
    bobs_payment = world.done("payments", "remove")[-1]["request_id"]
    assert [each["request_id"] for each in world.done("payments", "create") if each["user"] == "bob"] == [bobs_payment]


def test_a_refused_card_leaves_nothing_behind(running: Running) -> None:
    node, world = running
    before = world.done("payments"), world.done("publisher")
    with pytest.raises(Refused) as refused:
        node.call("SubscriptionService", "subscribe", request_of("eve", "weekly", credit_card="expired"))
    assert (refused.value.status, refused.value.body["message"]) == (402, "the credit card has expired")
    assert (world.done("payments"), world.done("publisher")) == before
