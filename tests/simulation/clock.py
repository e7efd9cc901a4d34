"""A machine's clocks: a wall clock that can be set and drifts, and one that only goes on."""

from __future__ import annotations

from odradek_engine.log.simulated_cluster import EPOCH_MS
from odradek_engine.testing.loop import VirtualLoop


class MachineClock:
    """`offset_ms` and `drift` are of the wall clock, against true time."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.monotonic = loop.time
        self.offset_ms = 0
        self.drift = 0.0
        self.farthest_ms = 0
        """How far it was ahead of true time at most."""

    def now_ms(self) -> int:
        """Wall clock, ms since the epoch."""
        return EPOCH_MS + self.offset_ms + int(self.monotonic() * 1000 * (1 + self.drift))

    def jump(self, milliseconds: int) -> None:
        """Somebody sets the wall clock."""
        self.offset_ms += milliseconds
        self.farthest_ms = max(self.farthest_ms, self.offset_ms)

    def mend(self, offset_ms: int) -> None:
        """It goes as it should, this far ahead: not behind anything that was planned by a clock that was fast."""
        self.offset_ms, self.drift = offset_ms, 0.0
