"""I7: timers never fire early, and each takes effect once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from odradek.protocol.messages import SleepCommand, SleepCompletion
from odradek_engine.model import events as e
from odradek_engine.model.rows import Phase, Timer
from simulation.checkers.port import Checker, Handle, Watched, hexed
from simulation.history import Moment

if TYPE_CHECKING:
    from simulation.world import World


class Timers(Checker):
    """Knows what is set; by the wall clock of the leader that says so, nothing of it comes before its time."""

    name = "I7 timers"

    def __init__(self, run: Watched) -> None:
        super().__init__(run)
        self._set: dict[Timer, None] = {}

    def handles(self) -> Mapping[type, Handle]:
        return {
            e.TimerSet: self._sets,
            e.TimerCleared: self._clears,
            e.EntriesAppended: self._appended,
            e.StatusChanged: self._changed,
        }

    def _sets(self, event: e.TimerSet, moment: Moment) -> None:
        if event.timer in self._set:
            self.violated(f"{event.timer} is set twice")
        self._set[event.timer] = None

    def _clears(self, event: e.TimerCleared, moment: Moment) -> None:
        if event.timer not in self._set:
            self.violated(f"{event.timer} is cleared at {moment.partition}/{moment.offset}, and was not set")
        self._set.pop(event.timer, None)

    def _appended(self, event: e.EntriesAppended, moment: Moment) -> None:
        known = self.history.invocations.get(event.invocation)
        if known is None:
            return
        for entry in event.entries:
            if not isinstance(entry, SleepCompletion):
                continue
            commands = [one for one in (*known.entries, *event.entries) if isinstance(one, SleepCommand)]
            due = [one.wake_up_time for one in commands if one.result_completion_id == entry.completion_id]
            if not due or due[0] > moment.time_ms:
                self.violated(f"a sleep of {hexed(event.invocation)} ends at {moment.time_ms}, it is due at {due}")

    def _changed(self, event: e.StatusChanged, moment: Moment) -> None:
        known = self.history.invocations.get(event.invocation)
        if known is None or known.status is None or known.status.phase is not Phase.SCHEDULED:
            return
        due = known.invocation.execution_time
        if event.status.phase is not Phase.SCHEDULED and due > moment.time_ms:
            self.violated(f"{hexed(event.invocation)} starts at {moment.time_ms}, {due} is due")

    def finish(self, world: World) -> None:
        left = list(self._set)
        if left:
            self.violated(f"never fired: {left[:3]}")
