"""examples/ticket_reservation.py: a seat is sold once, and given back when its time in a cart is up."""

from collections.abc import Iterator

import pytest

from example_node import OutsideWorld, running_example
from live_node import LiveNode, Refused, wait_until

pytestmark = pytest.mark.live

Running = tuple[LiveNode, OutsideWorld]
RESERVED_FOR_SECONDS = "4"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("ticket_reservation")
    with running_example("ticket_reservation.py", directory, RESERVED_FOR_SECONDS=RESERVED_FOR_SECONDS) as running:
        yield running


def test_a_seat_is_sold_to_whoever_was_first(running: Running) -> None:
    node, world = running
    assert node.call("CartObject", "ada", "add_ticket", "A1") is True
    assert node.call("CartObject", "ada", "add_ticket", "A2") is True
    assert node.call("CartObject", "bob", "add_ticket", "A1") is False
    assert node.call("CartObject", "ada", "checkout", None) is True
    assert node.call("CartObject", "ada", "checkout", None) is False
    assert [(each["user"], each["cents"]) for each in world.done("payments")] == [("ada", 8000)]
    assert [each["text"] for each in world.done("mail")] == ["Your tickets: A1, A2"]
    wait_until(lambda: node.state("TicketObject", "A1") == {"status": "sold"}, "A1 is sold")
    assert node.call("CartObject", "bob", "add_ticket", "A1") is False


def test_an_unpaid_seat_is_given_back_by_a_node_that_was_killed_meanwhile(running: Running) -> None:
    node, world = running
    assert node.call("CartObject", "penniless", "add_ticket", "B1") is True
    assert node.call("CartObject", "penniless", "checkout", None) is False
    assert world.done("mail")[-1]["text"] == "Your payment was declined"
    assert node.call("CartObject", "bob", "add_ticket", "B1") is False
    node.restart()
    wait_until(lambda: node.call("CartObject", "bob", "add_ticket", "B1"), "B1 is to be had again")
    assert node.state("CartObject", "penniless")["tickets"] == []
    assert node.call("CartObject", "bob", "checkout", None) is True


def test_tickets_are_not_to_be_had_around_the_cart(running: Running) -> None:
    node, _ = running
    with pytest.raises(Refused) as refused:
        node.call("TicketObject", "C1", "reserve", None)
    assert refused.value.status == 400
