"""examples/identity_check.py under both: an answer in time, twice and too late, none, a failure."""

from collections.abc import Callable

import pytest
from scene import Scene

pytestmark = [pytest.mark.oracle, pytest.mark.live]

ADA = {"name": "Ada", "passport": "AT 4711"}


def script(scene: Scene) -> None:
    scene.call("IdentityCheck", "c1", "standing", None)
    check = scene.send("IdentityCheck", "c1", "run", ADA)
    [order] = scene.until_done("office", "order")
    scene.call("IdentityCheck", "c1", "standing", None)
    for real in (True, False):
        scene.resolve_awakeable(order["callback"], real)
    scene.attach(check)
    scene.reject_awakeable(order["callback"], "too late")
    scene.call("IdentityCheck", "c1", "standing", None)

    check = scene.send("IdentityCheck", "c2", "run", ADA)
    [_, order] = scene.until_done("office", "order", times=2)
    scene.reject_awakeable(order["callback"], "the office has burnt down")
    scene.attach(check)


def the_office_is_silent(scene: Scene) -> None:
    check = scene.send("IdentityCheck", "c1", "run", ADA)
    [ticket] = scene.until_done("officers", "open ticket")
    scene.call("IdentityCheck", "c1", "standing", None)
    scene.resolve_awakeable(ticket["callback"], False)
    scene.attach(check)


def test_identity_check(assert_equal: Callable[..., None]) -> None:
    assert_equal("identity_check.py", script)


def test_the_office_is_silent(assert_equal: Callable[..., None]) -> None:
    assert_equal("identity_check.py", the_office_is_silent, ANSWER_WITHIN_SECONDS="0.3")
