"""examples/social_feed.py in the kit: a user's posts in their order, each when its moderation is over."""

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace

import pytest

import outside_world
import social_feed
from example_node import OutsideWorld
from odradek import testing
from social_feed import MODERATION_SECONDS, Post, Verdict, process_post


def moderate_by(engine: testing.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The moderators go by the clock of this engine."""
    clock = SimpleNamespace(time=lambda: engine.now.timestamp())
    for module in (social_feed, outside_world):
        monkeypatch.setattr(module, "time", clock)


def test_posts_wait_behind_those_of_the_same_user_only(world: OutsideWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    with testing.engine(social_feed.app) as engine:
        moderate_by(engine, monkeypatch)
        for step in ("create", "moderation", "show"):
            engine.fail_first(step)
        posts = [("ada", "hello"), ("bob", "hi"), ("ada", "spam"), ("ada", "hello?")]
        sent = [engine.send(process_post, Post(content), key=user) for user, content in posts]
        assert [each["content"] for each in world.done("network", "create")] == ["hi"]
        engine.advance(timedelta(seconds=1.5 * MODERATION_SECONDS))
        assert engine.state("UserFeed", "bob") == {"feed": ["hi"]}
        verdicts = [each.result() for each in sent]
        assert verdicts == [Verdict.FINE, Verdict.FINE, Verdict.REJECTED, Verdict.FINE]
        assert engine.state("UserFeed", "ada") == {"feed": ["hello", "hello?"]}
    assert [each["content"] for each in world.done("network", "show") if each["user"] == "ada"] == ["hello", "hello?"]


def test_a_crash_anywhere_changes_nothing(
    new_world: Callable[[], OutsideWorld], monkeypatch: pytest.MonkeyPatch
) -> None:
    def scenario(engine: testing.Engine) -> list[tuple[str, str]]:
        world = new_world()
        moderate_by(engine, monkeypatch)
        sent = [engine.send(process_post, Post(content), key="ada") for content in ("hello", "hello?")]
        assert [each.result() for each in sent] == [Verdict.FINE, Verdict.FINE]
        return [(each["action"], each["content"]) for each in world.entries()]

    assert testing.replay_everywhere(social_feed.app, scenario).outcome == [
        (action, content) for content in ("hello", "hello?") for action in ("create", "show")
    ]
