"""Pauses between attempts, longer each time."""

from __future__ import annotations

from typing import Final

FIRST_SECONDS: Final = 0.2
LONGEST_SECONDS: Final = 10.0


class Backoff:
    """Doubles from `FIRST_SECONDS` to `LONGEST_SECONDS`; begins anew after a success."""

    def __init__(self) -> None:
        self._next = FIRST_SECONDS

    def next(self) -> float:
        """Seconds to wait before the next attempt."""
        seconds = self._next
        self._next = min(2 * seconds, LONGEST_SECONDS)
        return seconds

    def reset(self) -> None:
        """It worked."""
        self._next = FIRST_SECONDS
