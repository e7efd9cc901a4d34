"""I12: what is read over the doors is committed, and not older than what was told before."""

from __future__ import annotations

from collections.abc import Mapping

from odradek_engine.model import events as e
from odradek_engine.model.outcomes import AnyOutcome, Ended
from simulation.checkers.port import Checker, Handle, Watched
from simulation.history import Moment, ObjectKey
from simulation.plan import Request
from simulation.reading import StateRead

State = Mapping[bytes, bytes]


class Reads(Checker):
    """Keeps every state that objects ever had, command by command."""

    name = "I12 reads"

    def __init__(self, run: Watched) -> None:
        super().__init__(run)
        self._states: dict[ObjectKey, list[State]] = {}
        self._part = -1
        self._changed: dict[ObjectKey, None] = {}
        self._ending: dict[bytes, ObjectKey] = {}
        self._ends: dict[bytes, tuple[ObjectKey, int]] = {}
        """By ended invocation: which state of its object it left behind."""
        self._told: dict[ObjectKey, int] = {}
        """Which state clients know of, by answers."""
        self._least: dict[int, int] = {}

    def handles(self) -> Mapping[type, Handle]:
        return {e.StateChanged: self._change, e.InvocationCompleted: self._end, e.InvocationForgotten: self._end}

    def _change(self, event: e.StateChanged, moment: Moment) -> None:
        self._look_back(moment)
        self._changed[event.service, event.key] = None

    def _end(self, event: e.InvocationCompleted | e.InvocationForgotten, moment: Moment) -> None:
        self._look_back(moment)
        known = self.history.invocations.get(event.invocation)
        if known is not None and not known.ended:
            self._ending[event.invocation] = (known.invocation.target.service, known.invocation.target.key)

    def _look_back(self, moment: Moment) -> None:
        if moment.part != self._part:
            self._note()
            self._part = moment.part

    def _note(self) -> None:
        """The commands before are whole: their states are what may be seen."""
        for place in self._changed:
            self._of(place).append(dict(self.history.state.get(place, {})))
        self._changed.clear()
        for invocation, place in self._ending.items():
            self._ends[invocation] = (place, len(self._of(place)) - 1)
        self._ending.clear()

    def _of(self, place: ObjectKey) -> list[State]:
        return self._states.setdefault(place, [{}])

    def asked(self, request: Request, invocation: bytes) -> None:
        if request.kind == "state" and self.run.nodes == 1:
            self._least[request.number] = self._told.get((request.service, request.key), 0)

    def replied(self, request: Request, invocation: bytes, outcome: AnyOutcome | StateRead) -> None:
        self._note()
        if isinstance(outcome, Ended) and invocation in self._ends:
            place, version = self._ends[invocation]
            self._told[place] = max(version, self._told.get(place, 0))
        if not isinstance(outcome, StateRead):
            return
        states = self._of((request.service, request.key))
        if outcome.state not in states[self._least.get(request.number, 0) :]:
            when = "older than what was told before" if outcome.state in states else "never committed"
            self.violated(f"the state of {request.service}/{request.key} is read as {outcome.state}, which is {when}")
