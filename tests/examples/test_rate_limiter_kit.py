"""examples/rate_limiter.py in the kit: never more than the limit, and nobody waits longer than needed."""

from collections.abc import Callable
from datetime import timedelta

import pytest

import odradek
import rate_limiter
from example_node import OutsideWorld
from odradek import testing
from rate_limiter import Limit, allow, forecast, reserve, set_limit


def test_a_burst_passes_and_the_rest_waits_for_tokens() -> None:
    with testing.engine(rate_limiter.app) as engine:
        engine.call(set_limit, Limit(per_second=0.5, burst=3), key="api")
        assert [engine.call(reserve, key="api") for _ in range(5)] == [0, 0, 0, 2, 4]
        engine.advance(timedelta(seconds=4))
        assert engine.call(allow, key="api") is False
        engine.advance(timedelta(seconds=2))
        assert [engine.call(allow, key="api") for _ in range(2)] == [True, False]


def test_a_bucket_holds_no_more_than_a_burst_however_long_nobody_asks() -> None:
    with testing.engine(rate_limiter.app) as engine:
        assert engine.call(allow, key="api") is True
        engine.advance(timedelta(days=365))
        assert [engine.call(allow, key="api") for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize("limit", [Limit(0, 1), Limit(-1.0, 1), Limit(1.0, 0)], ids=str)
def test_a_limit_that_would_let_nobody_through_is_refused(limit: Limit) -> None:
    with testing.engine(rate_limiter.app) as engine:
        with pytest.raises(odradek.TerminalError) as refused:
            engine.call(set_limit, limit, key="api")
        assert refused.value.status_code == 400


def test_a_week_of_forecasts_keeps_to_the_limit(world: OutsideWorld) -> None:
    with testing.engine(rate_limiter.app) as engine:
        engine.call(set_limit, Limit(per_second=1 / 86_400, burst=2), key="weather")
        began = engine.now
        forecasts = [engine.send(forecast, city) for city in ("Prague", "Brno", "Graz", "Wien")]
        assert [each.done for each in forecasts] == [True, True, False, False]
        assert forecasts[3].result() == "Wien: sunny spells"
        assert engine.now - began >= timedelta(days=2)
    assert [each["city"] for each in world.done("weather")] == ["Prague", "Brno", "Graz", "Wien"]


def test_a_crash_anywhere_changes_nothing(new_world: Callable[[], OutsideWorld]) -> None:
    def scenario(engine: testing.Engine) -> list[str]:
        world = new_world()
        engine.fail_first("ask")
        for city in ("Prague", "Brno", "Graz"):
            engine.call(forecast, city)
        engine.call(set_limit, Limit(per_second=1.0, burst=1), key="weather")
        return [each["city"] for each in world.done("weather")]

    report = testing.replay_everywhere(rate_limiter.app, scenario)
    assert report.outcome == ["Prague", "Brno", "Graz"]
