"""examples/payment_reminders.py under both."""

from collections.abc import Callable

import pytest
from scene import Scene

pytestmark = [pytest.mark.oracle, pytest.mark.live]


def script(scene: Scene) -> None:
    scene.call("PaymentTracker", "invoice-1", "standing", None)
    scene.call("PaymentTracker", "invoice-1", "payment_failed", {"user": "ada", "cents": 990})
    scene.until_done("support", "open ticket")
    scene.until_none_scheduled()
    scene.call("PaymentTracker", "invoice-1", "standing", None)
    scene.call("PaymentTracker", "invoice-1", "payment_succeeded", None)
    scene.call("PaymentTracker", "invoice-1", "payment_failed", {"user": "ada", "cents": 990})

    scene.call("PaymentTracker", "invoice-2", "payment_failed", {"user": "bob", "cents": 100})
    scene.call("PaymentTracker", "invoice-2", "payment_succeeded", None)
    scene.until_none_scheduled()
    scene.call("PaymentTracker", "invoice-2", "standing", None)


def test_payment_reminders(assert_equal: Callable[..., None]) -> None:
    assert_equal("payment_reminders.py", script, REMIND_EVERY_SECONDS="1.5")
