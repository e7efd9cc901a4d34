"""examples/social_feed.py under both; moderators answer at once, so that they are asked the same number of times."""

from collections.abc import Callable

import pytest
from scene import Scene

pytestmark = [pytest.mark.oracle, pytest.mark.live]


def script(scene: Scene) -> None:
    scene.call("UserFeed", "ada", "process_post", {"content": "hello"})
    scene.call("UserFeed", "bob", "process_post", {"content": "spam, spam"})
    scene.world.take_down("network")
    posts = [scene.send("UserFeed", "ada", "process_post", {"content": each}) for each in ("hello?", "anybody?")]
    scene.world.take_down()
    for post in posts:
        scene.attach(post)


def test_social_feed(assert_equal: Callable[..., None]) -> None:
    assert_equal("social_feed.py", script, MODERATION_SECONDS="0")
