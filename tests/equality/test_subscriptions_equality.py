"""examples/subscriptions.py under both."""

from collections.abc import Callable
from typing import Any

import pytest
from scene import Scene

pytestmark = [pytest.mark.oracle, pytest.mark.live]


def request_of(user: str, *titles: str, credit_card: str = "4242") -> dict[str, Any]:
    return {"user": user, "credit_card": credit_card, "subscriptions": titles}


def script(scene: Scene) -> None:
    scene.call("SubscriptionService", "subscribe", request_of("ada", "weekly", "monthly"))
    scene.call("SubscriptionService", "subscribe", request_of("bob", "weekly", "sold-out"))
    scene.call("SubscriptionService", "subscribe", request_of("eve", "weekly", credit_card="expired"))

    again = {"idempotency-key": "once"}
    scene.call("SubscriptionService", "subscribe", request_of("cyd", "weekly"), headers=again)
    scene.call("SubscriptionService", "subscribe", request_of("cyd", "weekly"), headers=again)
    scene.get("restate", "invocation", "SubscriptionService", "subscribe", "once", "output")

    scene.world.take_down("publisher")
    delayed = scene.send("SubscriptionService", "subscribe", request_of("dan", "weekly"))
    scene.until_done("payments", "create", times=4)
    scene.world.take_down()
    scene.attach(delayed)


def test_subscriptions(assert_equal: Callable[..., None]) -> None:
    assert_equal("subscriptions.py", script)
