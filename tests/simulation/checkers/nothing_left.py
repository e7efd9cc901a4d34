"""L3, L4: when everything has ended, nothing is left of it: no row, no waiting client, no attempt, no message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from odradek_engine.store.port import StoreError
from simulation.checkers.port import Checker

if TYPE_CHECKING:
    from simulation.world import World

EMPTY_TABLES: Final = ("statuses", "locks", "inbox", "timers", "callers", "waiters", "outbox", "rejected")


class NothingLeft(Checker):
    """Looks into the node that serves in the end."""

    name = "L3 nothing is left"

    def finish(self, world: World) -> None:
        for machine in world.machines:
            if not machine.serving_now:
                continue
            try:
                machine.node.open_rows()
            except StoreError:
                return
            for table in EMPTY_TABLES:
                left = list(machine.disk.scan(table, b"", None))
                if left:
                    self.violated(f"left in {table}: {left[:3]}")
            attempts = machine.node.attempts
            if attempts.live_count or attempts.waiting_count:
                self.violated(f"{attempts.live_count} attempts live, {attempts.waiting_count} wait for a slot")
