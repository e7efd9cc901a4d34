"""examples/trip_reservation.py on a node that is killed: each thing is booked, or given back, once."""

from collections.abc import Iterator

import pytest

from example_node import OutsideWorld, running_example
from live_node import LiveNode, Refused, wait_until

pytestmark = pytest.mark.live

Running = tuple[LiveNode, OutsideWorld]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_example("trip_reservation.py", tmp_path_factory.mktemp("trip_reservation")) as running:
        yield running


def a_trip(trip_id: str) -> dict[str, object]:
    names = {"flight": "OK 617", "hotel": "Zlatá husa", "car": "Tatra"}
    return {"id": trip_id, "traveller": "ada", "credit_card": "4242", **names}


def story_of(world: OutsideWorld, trip_id: str) -> list[str]:
    return [each for each in world.story() if trip_id in each]


def test_a_trip_is_booked_once_although_the_node_is_killed_on_the_way(running: Running) -> None:
    node, world = running
    world.take_down("hotels")
    invocation = node.send("TripReservation", "book", a_trip("trip-1"))
    wait_until(lambda: world.done("flights"), "the flight is booked")
    node.kill()
    world.take_down()
    node.start()
    assert node.attach(invocation) == 24_000
    assert story_of(world, "trip-1") == [
        "flights: reserve trip-1/flights",
        "hotels: reserve trip-1/hotels",
        "cars: reserve trip-1/cars",
        "payments: charge trip-1",
    ]


def test_a_cancelled_trip_is_given_back_although_the_node_is_killed_on_the_way_back(running: Running) -> None:
    node, world = running
    world.take_down("cars")
    invocation = node.send("TripReservation", "book", a_trip("trip-2"))
    wait_until(lambda: len(story_of(world, "trip-2")) == 2, "the flight and the hotel are booked")
    world.take_down("cars", "flights")
    node.cancel(invocation)
    world.take_down("flights")
    wait_until(lambda: world.done("hotels", "cancel"), "the hotel is given back")
    node.kill()
    world.take_down()
    node.start()
    with pytest.raises(Refused) as refused:
        node.attach(invocation)
    assert (refused.value.status, refused.value.body["message"]) == (409, "cancelled")
    reserved, given_back = (
        [each.rpartition("/")[2] for each in story_of(world, "trip-2") if f": {action} " in each]
        for action in ("reserve", "cancel")
    )
    assert given_back == reserved[::-1]
    assert reserved[:2] == ["flights", "hotels"]
