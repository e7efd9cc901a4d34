"""examples/trip_reservation.py in the kit: all or nothing, whatever is refused, cancelled or breaks down."""

from collections.abc import Callable

import pytest

import odradek
import trip_reservation
from example_node import OutsideWorld
from odradek import testing
from trip_reservation import Trip, book

BOOKED = ["flights: reserve t/flights", "hotels: reserve t/hotels", "cars: reserve t/cars"]
GIVEN_BACK = ["cars: cancel t/cars", "hotels: cancel t/hotels", "flights: cancel t/flights"]


def a_trip(flight: str = "OK 617", hotel: str = "Zlatá husa", car: str = "Tatra", credit_card: str = "4242") -> Trip:
    return Trip("t", "ada", flight, hotel, car, credit_card)


def test_a_trip_is_booked_and_paid_for(world: OutsideWorld) -> None:
    with testing.engine(trip_reservation.app) as engine:
        engine.fail_first("reserve", attempts=2)
        engine.fail_first("charge")
        assert engine.call(book, a_trip()) == 24_000
    assert world.story() == [*BOOKED, "payments: charge t"]


@pytest.mark.parametrize(
    ("trip", "code", "story"),
    [
        (a_trip(flight="sold-out"), 409, []),
        (a_trip(hotel="sold-out"), 409, [*BOOKED[:1], *GIVEN_BACK[2:]]),
        (a_trip(car="sold-out"), 409, [*BOOKED[:2], *GIVEN_BACK[1:]]),
        (a_trip(credit_card="expired"), 402, [*BOOKED, *GIVEN_BACK]),
    ],
    ids=["flight", "hotel", "car", "payment"],
)
def test_what_was_booked_is_given_back_where_one_is_refused(
    world: OutsideWorld, trip: Trip, code: int, story: list[str]
) -> None:
    with testing.engine(trip_reservation.app) as engine:
        engine.fail_first("cancel")
        with pytest.raises(odradek.TerminalError) as refused:
            engine.call(book, trip)
    assert refused.value.status_code == code
    assert world.story() == story


def test_a_trip_that_is_cancelled_on_the_way_is_given_back(world: OutsideWorld) -> None:
    world.take_down("cars")
    with testing.engine(trip_reservation.app) as engine:
        invocation = engine.send(book, a_trip())
        world.take_down()
        invocation.cancel()
        with pytest.raises(odradek.TerminalError, match="cancelled"):
            invocation.result()
    assert world.story() == [*BOOKED[:2], *GIVEN_BACK[1:]]


@pytest.mark.parametrize("credit_card", ["4242", "expired"])
def test_a_crash_anywhere_changes_nothing(new_world: Callable[[], OutsideWorld], credit_card: str) -> None:
    def scenario(engine: testing.Engine) -> list[str]:
        world = new_world()
        try:
            engine.call(book, a_trip(credit_card=credit_card))
        except odradek.TerminalError:
            assert credit_card == "expired"
        return world.story()

    report = testing.replay_everywhere(trip_reservation.app, scenario)
    assert report.outcome == [*BOOKED, *(["payments: charge t"] if credit_card == "4242" else GIVEN_BACK)]
