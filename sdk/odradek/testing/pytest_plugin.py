"""Fixtures for pytest, there as soon as odradek is installed.

Imports nothing but pytest until a fixture is used: the plugin is loaded in every run of every test suite around.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from odradek.testing import Engine


@pytest.fixture
def odradek_engine() -> Iterator[Callable[..., Engine]]:
    """`odradek_engine(app)` starts an engine in memory, as `odradek.testing.engine` does; it ends with the test."""
    from odradek import testing

    with contextlib.ExitStack() as closing:
        yield lambda *applications, seed=0: closing.enter_context(testing.engine(*applications, seed=seed))
