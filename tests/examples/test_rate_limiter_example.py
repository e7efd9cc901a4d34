"""examples/rate_limiter.py on a node that is killed: each forecast is asked for once, and none before its time."""

import pytest

from example_node import running_example
from live_node import wait_until

pytestmark = pytest.mark.live

CITIES = ("Prague", "Brno", "Graz", "Wien", "Linz")
PER_SECOND = 2.0
CLOCKS_S = 0.05
"""A sleep and the diary do not read the same clock at the same moment."""


def test_forecasts_come_once_and_not_too_often_although_the_node_is_killed(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with running_example("rate_limiter.py", tmp_path_factory.mktemp("rate_limiter")) as (node, world):
        node.call("Limiter", "weather", "set_limit", {"per_second": PER_SECOND, "burst": 1})
        began = node.state("Limiter", "weather")["bucket"]["counted_at"]
        forecasts = [node.send("Forecasts", "forecast", city) for city in CITIES]
        wait_until(lambda: world.done("weather"), "the first one is asked for")
        node.restart()
        assert [node.attach(each) for each in forecasts] == [f"{city}: sunny spells" for city in CITIES]
        asked = sorted(world.done("weather"), key=lambda each: each["at"])
        assert sorted(each["city"] for each in asked) == sorted(CITIES)
        for number, each in enumerate(asked):
            assert each["at"] >= began + number / PER_SECOND - CLOCKS_S
