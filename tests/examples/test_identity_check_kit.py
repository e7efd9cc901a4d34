"""examples/identity_check.py in the kit: a webhook that comes in time, late, twice, or never."""

from collections.abc import Callable
from datetime import timedelta

import pytest

import identity_check
import odradek
from example_node import OutsideWorld
from identity_check import ANSWER_WITHIN, Person, Standing, run, standing
from odradek import testing

ADA = Person("Ada", "AT 4711")
CHASED = ["office: order c", "office: remind c/1", "office: remind c/2", "officers: open ticket c"]


def the_callback(world: OutsideWorld) -> str:
    return str(world.done("office", "order")[0]["callback"])


@pytest.mark.parametrize("real", [True, False])
@pytest.mark.parametrize("days", [0, 1, 2, 3, 100])
def test_an_answer_counts_whenever_it_comes(world: OutsideWorld, days: int, real: bool) -> None:
    with testing.engine(identity_check.app) as engine:
        for step in ("order", "remind", "escalate"):
            engine.fail_first(step)
        check = engine.send(run, ADA, key="c")
        engine.advance(days * ANSWER_WITHIN + timedelta(hours=1))
        chased = CHASED[: days + 1]
        assert world.story() == chased
        assert engine.call(standing, key="c") == (Standing.ESCALATED if days >= 3 else Standing.IN_CHECK)

        engine.resolve_awakeable(the_callback(world), real)
        assert check.result() == (Standing.ACCEPTED if real else Standing.REFUSED)
        engine.advance(10 * ANSWER_WITHIN)
        assert world.story() == chased
    assert len({each["callback"] for each in (*world.done("office"), *world.done("officers"))}) == 1


def test_the_first_answer_decides_and_others_change_nothing(world: OutsideWorld) -> None:
    with testing.engine(identity_check.app) as engine:
        check = engine.send(run, ADA, key="c")
        for real in (True, False):
            engine.resolve_awakeable(the_callback(world), real)
        assert check.result() == Standing.ACCEPTED
        engine.reject_awakeable(the_callback(world), "too late")
        engine.advance(ANSWER_WITHIN / 2)
        assert engine.call(standing, key="c") == Standing.ACCEPTED
    assert world.story() == CHASED[:1]


def test_an_office_that_cannot_check_fails_the_check(world: OutsideWorld) -> None:
    with testing.engine(identity_check.app) as engine:
        check = engine.send(run, ADA, key="c")
        engine.reject_awakeable(the_callback(world), "the office has burnt down", 503)
        with pytest.raises(odradek.TerminalError, match="burnt down") as failed:
            check.result()
    assert failed.value.status_code == 503


@pytest.mark.parametrize("days", [0.5, 3.5])
def test_a_crash_anywhere_changes_nothing(new_world: Callable[[], OutsideWorld], days: float) -> None:
    def scenario(engine: testing.Engine) -> tuple[str, list[str]]:
        world = new_world()
        check = engine.send(run, ADA, key="c")
        engine.advance(days * ANSWER_WITHIN)
        for real in (True, False):
            engine.resolve_awakeable(the_callback(world), real)
        return check.result(), world.story()

    outcome = testing.replay_everywhere(identity_check.app, scenario).outcome
    assert outcome == (Standing.ACCEPTED, CHASED[: int(days) + 1])
