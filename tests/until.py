"""Waiting for what a test brings about on an event loop: for the thing itself, never for so long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

DEADLINE_SECONDS = 30.0
"""Far beyond what a slow machine takes."""


async def until(condition: Callable[[], object]) -> None:
    """Lets the loop run until something holds."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not condition():  # noqa: ASYNC110  (the condition is the test's)
            await asyncio.sleep(0.001)
