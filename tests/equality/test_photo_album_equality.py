"""examples/photo_album.py under both: many photos at once, one that is left out, none, and too many."""

from collections.abc import Callable

import pytest
from scene import Scene

pytestmark = [pytest.mark.oracle, pytest.mark.live]


def script(scene: Scene) -> None:
    scene.sorts_diary = True
    photos = [f"photo {number}" for number in range(30)]
    scene.call("PhotoAlbums", "make", {"id": "a", "photos": [*photos, "overexposed"]})
    scene.call("PhotoAlbums", "make", {"id": "b", "photos": []})
    scene.call("PhotoAlbums", "make", {"id": "c", "photos": ["sea"] * 201})
    scene.call("Laboratory", "develop", {"album_id": "d", "name": "sea"})


def test_photo_album(assert_equal: Callable[..., None]) -> None:
    assert_equal("photo_album.py", script, DEVELOPING_SECONDS="0.3")
