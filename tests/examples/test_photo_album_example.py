"""examples/photo_album.py on a node that is killed while some photos are developed and others are not."""

import pytest

from example_node import running_example
from live_node import wait_until

pytestmark = pytest.mark.live

PHOTOS = [f"photo-{number:02}" for number in range(20)]


def test_each_photo_is_developed_once_although_the_node_is_killed_on_the_way(tmp_path) -> None:
    with running_example("photo_album.py", tmp_path, DEVELOPING_SECONDS="0.2") as (node, world):
        world.take_down("bindery")
        invocation = node.send("PhotoAlbums", "make", {"id": "a", "photos": [*PHOTOS, "overexposed"]})
        wait_until(lambda: world.done("laboratory"), "the first photo is developed")
        node.restart()
        wait_until(lambda: len(world.done("laboratory")) == len(PHOTOS), "all photos are developed")
        node.kill()
        world.take_down()
        node.start()
        assert node.attach(invocation) == {
            "pages": [f"{name} on paper" for name in PHOTOS],
            "left_out": ["overexposed"],
        }
        assert sorted(world.story()) == ["bindery: bind a", *(f"laboratory: develop a/{name}" for name in PHOTOS)]
