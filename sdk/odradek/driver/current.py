"""Which context the running code belongs to."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from odradek.driver.invocation import InvocationContext
    from odradek.driver.run_block import RunBlock

current: Final[ContextVar[InvocationContext | RunBlock | None]] = ContextVar("odradek_current", default=None)
"""The context of the handler that runs, or the run block whose action runs; None outside of handlers."""
