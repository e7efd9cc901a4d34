"""examples/social_feed.py: a user's posts in their order, each once; who waits for moderation holds up nobody else."""

from collections.abc import Iterator

import pytest

from example_node import OutsideWorld, running_example
from live_node import LiveNode, wait_until

pytestmark = pytest.mark.live

Running = tuple[LiveNode, OutsideWorld]
MODERATION_SECONDS = "0.4"
USERS = ("ada", "bob", "cyd")
POSTS = ("one", "two", "three")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("social_feed")
    with running_example("social_feed.py", directory, MODERATION_SECONDS=MODERATION_SECONDS) as running:
        yield running


def contents(world: OutsideWorld, action: str, user: str) -> list[str]:
    return [each["content"] for each in world.done("network", action) if each["user"] == user]


def feed(node: LiveNode, user: str) -> list[str] | None:
    return node.state("UserFeed", user).get("feed")


def test_posts_come_in_order_and_once_across_a_kill(running: Running) -> None:
    node, world = running
    node.create_topic("posts")
    node.subscribe("posts", "UserFeed/process_post", auto_offset_reset="earliest")
    node.produce("posts", [(user, {"content": post}) for post in POSTS for user in USERS])
    wait_until(lambda: len(world.done("network", "create")) >= len(USERS), "each user's first post is created")
    wait_until(lambda: world.done("network", "show"), "a first post is shown")
    node.restart()
    wait_until(lambda: all(feed(node, user) == list(POSTS) for user in USERS), "all feeds are complete")
    for user in USERS:
        assert contents(world, "create", user) == list(POSTS)
        assert contents(world, "show", user) == list(POSTS)


def test_users_do_not_wait_for_each_other(running: Running) -> None:
    _, world = running
    last_of_first_posts = max(each["at"] for each in world.done("network", "create") if each["content"] == "one")
    first_of_last_posts = min(each["at"] for each in world.done("network", "show") if each["content"] == "three")
    assert last_of_first_posts < first_of_last_posts


def test_rejected_posts_are_not_shown(running: Running) -> None:
    node, world = running
    node.produce("posts", [("dan", {"content": "spam, spam"}), ("dan", {"content": "sorry"})])
    wait_until(lambda: feed(node, "dan") == ["sorry"], "the feed of dan")
    assert contents(world, "show", "dan") == ["sorry"]
