"""Which attempt, or which run block of one, the running code belongs to."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from odradek.driver.attempt import Attempt
    from odradek.driver.run_block import RunBlock

current: Final[ContextVar[Attempt | RunBlock | None]] = ContextVar("odradek_current", default=None)
"""None outside of handlers."""


def current_attempt() -> Attempt | None:
    """The attempt that the running code belongs to, also within its run blocks."""
    running = current.get()
    return None if running is None else running.attempt
