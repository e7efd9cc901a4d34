"""examples/photo_album.py in the kit: all photos at the same time, each once, in their order."""

from collections.abc import Callable
from datetime import timedelta

import pytest

import odradek
import photo_album
from example_node import OutsideWorld
from odradek import testing
from photo_album import DEVELOPING, PHOTOS_MAX, Album, AlbumOrder, develop, make


def test_ten_photos_take_no_longer_than_one(world: OutsideWorld) -> None:
    names = [f"photo {number}" for number in range(10)]
    with testing.engine(photo_album.app) as engine:
        begun = engine.now
        album = engine.call(make, AlbumOrder("a", names))
        assert DEVELOPING <= engine.now - begun < DEVELOPING + timedelta(seconds=1)
    assert album == Album(pages=[f"{name} on paper" for name in names], left_out=[])
    assert sorted(world.story()[:-1]) == [f"laboratory: develop a/{name}" for name in names]
    assert world.done("bindery")[0]["pages"] == album.pages


def test_what_cannot_be_developed_is_left_out(world: OutsideWorld) -> None:
    with testing.engine(photo_album.app) as engine:
        engine.fail_first("develop", attempts=2, within=develop)
        engine.fail_first("bind")
        album = engine.call(make, AlbumOrder("a", ["sea", "overexposed", "beach"]))
    assert album == Album(pages=["sea on paper", "beach on paper"], left_out=["overexposed"])
    assert len(world.done("laboratory")) == 2


def test_an_empty_album_is_bound_and_one_too_large_is_refused(world: OutsideWorld) -> None:
    with testing.engine(photo_album.app) as engine:
        assert engine.call(make, AlbumOrder("a", [])) == Album([], [])
        with pytest.raises(odradek.TerminalError, match="room for 200 photos"):
            engine.call(make, AlbumOrder("b", ["sea"] * (PHOTOS_MAX + 1)))
    assert world.story() == ["bindery: bind a"]


def test_an_album_that_is_cancelled_is_not_bound(world: OutsideWorld) -> None:
    with testing.engine(photo_album.app) as engine:
        making = engine.send(make, AlbumOrder("a", ["sea", "beach"]))
        making.cancel()
        with pytest.raises(odradek.TerminalError, match="cancelled"):
            making.result()
        engine.advance(2 * DEVELOPING)
    assert world.story() == []


def test_a_crash_anywhere_changes_nothing(new_world: Callable[[], OutsideWorld]) -> None:
    def scenario(engine: testing.Engine) -> tuple[Album, list[str]]:
        world = new_world()
        album = engine.call(make, AlbumOrder("a", ["sea", "overexposed", "beach", "shells"]))
        return album, sorted(world.story())

    album, story = testing.replay_everywhere(photo_album.app, scenario).outcome
    assert album == Album(["sea on paper", "beach on paper", "shells on paper"], ["overexposed"])
    assert story == ["bindery: bind a", *(f"laboratory: develop a/{name}" for name in ("beach", "sea", "shells"))]
