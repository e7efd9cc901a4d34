"""examples/sign_up.py in the kit: the click on the link, whenever it comes, and if it never does."""

from collections.abc import Callable
from datetime import timedelta

import pytest

import odradek
import sign_up
from example_node import OutsideWorld
from odradek import testing
from sign_up import NewUser, Status, click, run, status

ADA = NewUser("Ada", "ada@example.com")
DAY = timedelta(days=1)


def the_link(world: OutsideWorld) -> str:
    return str(world.done("mail")[-1]["secret"])


def test_a_click_two_days_later_confirms_the_user(world: OutsideWorld) -> None:
    with testing.engine(sign_up.app) as engine:
        for step in ("create", "send link", "activate"):
            engine.fail_first(step)
        assert engine.call(status, key="ada") is None
        signing_up = engine.send(run, ADA, key="ada")
        engine.advance(2 * DAY + timedelta(hours=1))
        assert engine.call(status, key="ada") == Status.UNCONFIRMED
        assert engine.call(click, the_link(world), key="ada") == Status.CONFIRMED
        assert engine.call(click, the_link(world), key="ada") == Status.CONFIRMED
        assert signing_up.result() == Status.CONFIRMED
        assert engine.call(status, key="ada") == Status.CONFIRMED
    assert world.story() == [
        "accounts: create ada",
        *(f"mail: send link ada/{number}" for number in (1, 2, 3)),
        "accounts: activate ada",
    ]
    assert len({each["secret"] for each in world.done("mail")}) == 1


def test_without_a_click_the_account_is_removed(world: OutsideWorld) -> None:
    with testing.engine(sign_up.app) as engine:
        begun = engine.now
        assert engine.call(run, ADA, key="ada") == Status.EXPIRED
        assert timedelta(0) <= engine.now - begun - 3 * DAY < timedelta(seconds=1)
        engine.advance(29 * DAY)
        assert engine.call(click, the_link(world), key="ada") == Status.EXPIRED
    assert [each["action"] for each in world.done("accounts")] == ["create", "remove"]


@pytest.mark.parametrize("key", ["ada", "bob"])
def test_a_guess_is_no_click(world: OutsideWorld, key: str) -> None:
    with testing.engine(sign_up.app) as engine:
        signing_up = engine.send(run, ADA, key="ada")
        with pytest.raises(odradek.TerminalError, match="no link of ours") as refused:
            engine.call(click, "guess", key=key)
        assert refused.value.status_code == 403
        assert not signing_up.done


@pytest.mark.parametrize("clicks", [True, False])
def test_a_crash_anywhere_changes_nothing(
    new_world: Callable[[], OutsideWorld], monkeypatch: pytest.MonkeyPatch, clicks: bool
) -> None:
    monkeypatch.setattr(sign_up, "new_secret", lambda: "the secret of the link")

    def scenario(engine: testing.Engine) -> tuple[str, list[str]]:
        world = new_world()
        signing_up = engine.send(run, ADA, key="ada")
        engine.advance(1.5 * DAY)
        if clicks:
            assert engine.call(click, the_link(world), key="ada") == Status.CONFIRMED
        return signing_up.result(), world.story()

    outcome, story = testing.replay_everywhere(sign_up.app, scenario).outcome
    assert outcome == (Status.CONFIRMED if clicks else Status.EXPIRED)
    assert len(story) == (4 if clicks else 5)
