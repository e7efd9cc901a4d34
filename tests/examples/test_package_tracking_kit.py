"""examples/package_tracking.py in the kit: two topics, whichever is ahead, and one mail on arrival."""

from collections.abc import Callable

import pytest

import odradek
import package_tracking
from example_node import OutsideWorld
from odradek import testing
from package_tracking import LOCATIONS_MAX, Location, Package, Registration, info, register, update_location

FOR_ADA = Registration("ada", "Prague")
BRNO, PRAGUE = Location("Brno", "08:00"), Location("Prague", "12:00")


@pytest.mark.parametrize("registered_after", [0, 1, 2])
def test_the_recipient_hears_of_the_arrival_once_whichever_topic_is_ahead(
    world: OutsideWorld, registered_after: int
) -> None:
    with testing.engine(package_tracking.app) as engine:
        engine.fail_first("notify", attempts=2)
        for number, location in enumerate((BRNO, PRAGUE, PRAGUE)):
            if number == registered_after:
                engine.call(register, FOR_ADA, key="p")
            engine.call(update_location, location, key="p")
        assert engine.call(info, key="p") == Package(FOR_ADA, [BRNO, PRAGUE, PRAGUE], recipient_notified=True)
    assert world.story() == ["mail: notify p"]


def test_a_package_that_is_not_registered_is_not_known(world: OutsideWorld) -> None:
    with testing.engine(package_tracking.app) as engine:
        engine.call(update_location, BRNO, key="p")
        with pytest.raises(odradek.TerminalError, match="no package p is registered") as refused:
            engine.call(info, key="p")
    assert refused.value.status_code == 404


def test_a_package_remembers_where_it_was_last(world: OutsideWorld) -> None:
    with testing.engine(package_tracking.app) as engine:
        engine.call(register, FOR_ADA, key="p")
        for number in range(LOCATIONS_MAX + 1):
            engine.call(update_location, Location("Brno", str(number)), key="p")
        locations = engine.call(info, key="p").locations
    assert [each.seen_at for each in locations] == [str(number) for number in range(1, LOCATIONS_MAX + 1)]


def test_a_crash_anywhere_changes_nothing(new_world: Callable[[], OutsideWorld]) -> None:
    def scenario(engine: testing.Engine) -> list[str]:
        world = new_world()
        engine.call(update_location, PRAGUE, key="p")
        engine.call(register, FOR_ADA, key="p")
        engine.call(update_location, PRAGUE, key="p")
        return world.story()

    assert testing.replay_everywhere(package_tracking.app, scenario).outcome == ["mail: notify p"]
