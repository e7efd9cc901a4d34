"""examples/rate_limiter.py under both; what depends on how fast the machine is does not come into it."""

from collections.abc import Callable

import pytest
from scene import Scene

pytestmark = [pytest.mark.oracle, pytest.mark.live]


def script(scene: Scene) -> None:
    scene.call("Limiter", "weather", "set_limit", {"per_second": 0.0, "burst": 1})
    scene.call("Limiter", "weather", "set_limit", {"per_second": 1e-12, "burst": 2})
    scene.call("Forecasts", "forecast", "Prague")
    scene.call("Limiter", "weather", "allow", None)
    scene.call("Limiter", "weather", "allow", None)
    scene.call("Limiter", "weather", "set_limit", {"per_second": 5.0, "burst": 1})
    for city in ("Brno", "Graz", "Wien"):
        scene.call("Forecasts", "forecast", city)
    scene.call("Limiter", "weather", "set_limit", {"per_second": 1.0, "burst": 1})


def test_rate_limiter(assert_equal: Callable[..., None]) -> None:
    assert_equal("rate_limiter.py", script)
