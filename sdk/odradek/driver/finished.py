"""The event that tells user code that the attempt is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odradek.futures import AttemptFinishedEvent

if TYPE_CHECKING:
    from odradek.driver.attempt import Attempt


class FinishedEvent(AttemptFinishedEvent):
    """Set when the attempt is closed."""

    __slots__ = ("_attempt",)

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt

    def is_set(self) -> bool:
        """True once the attempt is over."""
        return self._attempt.machine.closed is not None

    async def wait(self) -> None:
        """Returns when the attempt is over."""
        await self._attempt.finished_event().wait()
