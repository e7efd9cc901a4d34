"""examples/trip_reservation.py under both: booked, refused at each place, and cancelled on the way."""

from collections.abc import Callable
from typing import Any

import pytest
from scene import Scene

pytestmark = [pytest.mark.oracle, pytest.mark.live]


def a_trip(trip_id: str, **wishes: str) -> dict[str, Any]:
    usual = {"traveller": "ada", "flight": "OK 617", "hotel": "Ritz", "car": "Tatra", "credit_card": "4242"}
    return {"id": trip_id, **usual, **wishes}


def script(scene: Scene) -> None:
    scene.call("TripReservation", "book", a_trip("t1"))
    scene.call("TripReservation", "book", a_trip("t2", flight="sold-out"))
    scene.call("TripReservation", "book", a_trip("t3", car="sold-out"))
    scene.call("TripReservation", "book", a_trip("t4", credit_card="expired"))
    scene.call("Reservation", "t1/flights", "give_back", "flights")


def a_trip_is_cancelled(scene: Scene) -> None:
    scene.world.take_down("cars")
    trip = scene.send("TripReservation", "book", a_trip("t1"))
    scene.until_it_fails("Reservation/t1/cars/reserve")
    scene.cancel(trip)
    scene.world.take_down()
    scene.attach(trip)


def test_trip_reservation(assert_equal: Callable[..., None]) -> None:
    assert_equal("trip_reservation.py", script)


def test_a_trip_is_cancelled(assert_equal: Callable[..., None]) -> None:
    assert_equal("trip_reservation.py", a_trip_is_cancelled)
