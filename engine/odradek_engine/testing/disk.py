"""A node's disk in memory. What was written survives the death of the process; what was synced, the loss of power."""

from __future__ import annotations

from odradek_engine.store.memory import MemoryStore


class Disk(MemoryStore):
    """The tables of one node, from start to start."""

    def __init__(self) -> None:
        super().__init__()
        self._synced = MemoryStore()

    def sync(self) -> None:
        """Everything written so far is safe."""
        self._synced = self.copy()

    def lose_power(self) -> None:
        """Forgets what was not synced."""
        self.become(self._synced.copy())
