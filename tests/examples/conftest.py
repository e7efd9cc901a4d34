"""The examples as modules of this process, and a world outside of them for tests with the kit."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from example_node import EXAMPLES, OutsideWorld

sys.path.insert(0, str(EXAMPLES))

import outside_world


@pytest.fixture
def new_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], OutsideWorld]:
    """Each call begins a new world around the examples in this process, in which nothing has happened yet."""
    numbers = itertools.count()

    def begin() -> OutsideWorld:
        directory = tmp_path / f"world-{next(numbers)}"
        directory.mkdir()
        world = OutsideWorld(directory)
        monkeypatch.setattr(outside_world, "DIARY", world.diary)
        monkeypatch.setattr(outside_world, "DOWN", world.down)
        return world

    return begin


@pytest.fixture
def world(new_world: Callable[[], OutsideWorld]) -> OutsideWorld:
    """A new world."""
    return new_world()
