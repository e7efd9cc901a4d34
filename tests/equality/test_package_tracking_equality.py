"""examples/package_tracking.py under both, with what the two topics would bring sent by HTTP."""

from collections.abc import Callable

import pytest
from scene import Scene

pytestmark = [pytest.mark.oracle, pytest.mark.live]


def script(scene: Scene) -> None:
    scene.call("PackageTracker", "p1", "info", None)
    scene.call("PackageTracker", "p1", "register", {"recipient": "ada", "destination": "Prague"})
    scene.call("PackageTracker", "p1", "update_location", {"place": "Brno", "seen_at": "08:00"})
    scene.call("PackageTracker", "p1", "update_location", {"place": "Prague", "seen_at": "12:00"})
    scene.call("PackageTracker", "p1", "update_location", {"place": "Prague", "seen_at": "13:00"})
    scene.call("PackageTracker", "p1", "info", None)

    scene.call("PackageTracker", "p2", "update_location", {"place": "Wien", "seen_at": "08:00"})
    scene.call("PackageTracker", "p2", "info", None)
    scene.call("PackageTracker", "p2", "register", {"recipient": "Žofie", "destination": "Wien"})
    scene.call("PackageTracker", "p2", "info", None)


def test_package_tracking(assert_equal: Callable[..., None]) -> None:
    assert_equal("package_tracking.py", script)
