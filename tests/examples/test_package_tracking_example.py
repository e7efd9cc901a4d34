"""examples/package_tracking.py: two topics joined by package, whichever is ahead, across a kill."""

from collections.abc import Iterator

import pytest

from example_node import OutsideWorld, running_example
from live_node import LiveNode, Refused, wait_until

pytestmark = pytest.mark.live

Running = tuple[LiveNode, OutsideWorld]
ADAS = {"recipient": "ada", "destination": "Prague"}
BOBS = {"recipient": "bob", "destination": "Vienna"}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_example("package_tracking.py", tmp_path_factory.mktemp("package_tracking")) as (node, world):
        for topic, handler in (("registrations", "register"), ("locations", "update_location")):
            node.create_topic(topic)
            node.subscribe(topic, f"PackageTracker/{handler}", auto_offset_reset="earliest")
        yield node, world


def seen(place: str, at: str) -> dict[str, str]:
    return {"place": place, "seen_at": at}


def places(node: LiveNode, package: str) -> list[str]:
    return [each["place"] for each in node.state("PackageTracker", package).get("package", {}).get("locations", [])]


def test_both_orders_of_arrival_give_the_same_package(running: Running) -> None:
    node, world = running
    node.produce("registrations", [("p1", ADAS)])
    wait_until(lambda: node.state("PackageTracker", "p1"), "p1 is registered")
    early = [("p1", seen("Brno", "08:00")), ("p2", seen("Graz", "08:10")), ("p2", seen("Vienna", "11:00"))]
    node.produce("locations", early)
    wait_until(lambda: places(node, "p2") == ["Graz", "Vienna"], "p2 was seen")
    with pytest.raises(Refused) as refused:
        node.call("PackageTracker", "p2", "info", None)
    assert refused.value.status == 404
    assert world.done("mail") == []

    node.restart()
    node.produce("registrations", [("p2", BOBS)])
    node.produce("locations", [("p1", seen("Prague", "12:00"))])
    wait_until(lambda: len(world.done("mail")) == 2, "both arrivals are told")
    wait_until(lambda: places(node, "p1") == ["Brno", "Prague"], "p1 was seen")
    assert node.call("PackageTracker", "p1", "info", None) == {
        "registration": ADAS,
        "locations": [seen("Brno", "08:00"), seen("Prague", "12:00")],
        "recipient_notified": True,
    }
    assert {(each["request_id"], each["recipient"], each["place"]) for each in world.done("mail")} == {
        ("p1", "ada", "Prague"),
        ("p2", "bob", "Vienna"),
    }


def test_state_is_there_for_sql(running: Running) -> None:
    node, _ = running
    rows = node.sql("SELECT service_key, value_utf8 FROM state WHERE service_name = 'PackageTracker' ORDER BY 1")
    assert [row["service_key"] for row in rows] == ["p1", "p2"]
    assert '"recipient":"bob"' in rows[1]["value_utf8"]
