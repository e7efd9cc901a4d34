"""For libraries that build on the SDK: finding the context of the handler that runs."""

from __future__ import annotations

from odradek.context import Context
from odradek.context_managers import contextvar
from odradek.driver.current import current_attempt

__all__ = ["contextvar", "current_context"]


def current_context() -> Context | None:
    """The context of the handler (or of the run block) that this code runs in, None outside."""
    attempt = current_attempt()
    return None if attempt is None else attempt.context
