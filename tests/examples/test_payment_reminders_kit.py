"""examples/payment_reminders.py in the kit: days pass between the reminders, and no time in the test."""

from collections.abc import Callable

import pytest

import payment_reminders
from example_node import OutsideWorld
from odradek import testing
from payment_reminders import REMIND_EVERY, FailedPayment, Standing, payment_failed, payment_succeeded, standing

ADA = FailedPayment("ada", 990)
REMINDERS = [f"mail: remind i/{number}" for number in (1, 2, 3)]


@pytest.mark.parametrize("days", [0, 1, 2, 3, 30])
def test_reminders_come_day_by_day_until_support_takes_over(world: OutsideWorld, days: int) -> None:
    with testing.engine(payment_reminders.app) as engine:
        for step in ("remind", "escalate"):
            engine.fail_first(step)
        assert engine.call(payment_failed, ADA, key="i") == Standing.REMINDED
        engine.advance(days * REMIND_EVERY + REMIND_EVERY / 2)
        expected = Standing.ESCALATED if days >= 3 else Standing.REMINDED
        assert engine.call(standing, key="i") == expected
    assert world.story() == [*REMINDERS, "support: open ticket i"][: days + 1]


@pytest.mark.parametrize("days", [0, 1, 2])
def test_who_pays_in_between_hears_no_more(world: OutsideWorld, days: int) -> None:
    with testing.engine(payment_reminders.app) as engine:
        engine.call(payment_failed, ADA, key="i")
        engine.advance(days * REMIND_EVERY + REMIND_EVERY / 2)
        engine.call(payment_succeeded, key="i")
        engine.advance(30 * REMIND_EVERY)
        assert engine.call(standing, key="i") == Standing.PAID
    assert world.story() == REMINDERS[: days + 1]


def test_a_crash_anywhere_changes_nothing(new_world: Callable[[], OutsideWorld]) -> None:
    def scenario(engine: testing.Engine) -> list[str]:
        world = new_world()
        engine.call(payment_failed, ADA, key="i")
        engine.advance(30 * REMIND_EVERY)
        return world.story()

    report = testing.replay_everywhere(payment_reminders.app, scenario)
    assert report.outcome == [*REMINDERS, "support: open ticket i"]
