"""examples/ticket_reservation.py under both: a sale, a refusal, a seat whose time is up, and one whose time is not."""

from collections.abc import Callable

import pytest
from scene import Scene

pytestmark = [pytest.mark.oracle, pytest.mark.live]


def sales(scene: Scene) -> None:
    scene.call("CartObject", "ada", "add_ticket", "A1")
    scene.call("CartObject", "ada", "add_ticket", "A2")
    scene.call("CartObject", "bob", "add_ticket", "A1")
    scene.call("CartObject", "ada", "checkout", None)
    scene.until_idle()
    scene.call("CartObject", "ada", "checkout", None)
    scene.call("CartObject", "bob", "add_ticket", "A1")
    scene.call("CartObject", "penniless", "add_ticket", "B1")
    scene.call("CartObject", "penniless", "checkout", None)
    scene.call("TicketObject", "C1", "reserve", None)


def seats_given_back(scene: Scene) -> None:
    scene.call("CartObject", "dan", "add_ticket", "D1")
    scene.call("CartObject", "eve", "add_ticket", "D2")
    scene.call("CartObject", "eve", "checkout", None)
    scene.until_none_scheduled()
    scene.call("CartObject", "eve", "add_ticket", "D1")
    scene.call("CartObject", "dan", "add_ticket", "D2")
    scene.until_none_scheduled()


def test_sales(assert_equal: Callable[..., None]) -> None:
    assert_equal("ticket_reservation.py", sales)


def test_seats_given_back(assert_equal: Callable[..., None]) -> None:
    assert_equal("ticket_reservation.py", seats_given_back, RESERVED_FOR_SECONDS="3")
