"""The model of timers: rows in the tables, a queue in memory, a wall clock that may be set back, terms that break.

A timer is due at a time. It is in the queue of the leader's memory, leaves it when it is due, and its effect is decided
as any command: with a record that is durable later, or never.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from model_part import Part, PlantedBug
from state_search import Step

NOT_EARLY = "a timer never takes effect before it is due"
ONCE = "a timer takes effect once"
NONE_LOST = "no timer is lost"
DUE = 2


@dataclass(frozen=True)
class Rules:
    """What leaders do with timers."""

    wall_clock_is_looked_at_again: bool = True
    row_goes_with_the_effect: bool = True
    effect_needs_the_row: bool = True
    new_term_loads_the_rows: bool = True
    store_removes_row_behind_acknowledgement: bool = True


@dataclass(frozen=True)
class Bounds:
    """How much may happen."""

    ticks: int = 4
    set_backs: int = 1
    broken_terms: int = 2


class State(NamedTuple):
    """`row`: in the journal's tables; `stored`: in the node's store.

    `fired`: its command waits; `under_way`: its record does. `left`: monotonic time until the queue wakes.
    """

    now: int = 0
    ticks: int = 0
    left: int = DUE
    row: bool = True
    stored: bool = True
    queued: bool = True
    fired: int = 0
    under_way: int = 0
    effects: int = 0
    set_backs: int = 0
    broken_terms: int = 0
    complaint: str = ""


@dataclass(frozen=True)
class TimerPart:
    """One timer."""

    rules: Rules
    bounds: Bounds

    def initial(self) -> State:
        return State()

    def canonical(self, state: State) -> State:
        return state

    def steps(self, state: State) -> Iterator[tuple[Step, State]]:
        if state.ticks < self.bounds.ticks:
            ticked = state._replace(now=state.now + 1, ticks=state.ticks + 1, left=max(0, state.left - 1))
            yield ("time_passes",), ticked
        if state.now and state.set_backs < self.bounds.set_backs:
            yield ("clock_is_set_back",), state._replace(now=state.now - 1, set_backs=state.set_backs + 1)
        if state.queued and not state.left:
            if state.now >= DUE or not self.rules.wall_clock_is_looked_at_again:
                yield ("leaves_the_queue",), self._left_queue(state)
            else:
                yield ("is_armed_again",), state._replace(left=DUE - state.now)
        if state.fired:
            yield ("is_decided",), self._decided(state)
        if state.under_way:
            after = state._replace(under_way=state.under_way - 1, effects=state.effects + 1, row=False, stored=False)
            yield ("record_is_acknowledged",), after
        if state.broken_terms < self.bounds.broken_terms:
            yield ("term_breaks_and_the_record_is_void",), self._next_term(state)

    def _left_queue(self, state: State) -> State:
        row = state.row and self.rules.row_goes_with_the_effect
        complaint = NOT_EARLY if state.now < DUE else ""
        return state._replace(
            queued=False, fired=state.fired + 1, row=row, stored=state.stored and row, complaint=complaint
        )

    def _decided(self, state: State) -> State:
        state = state._replace(fired=state.fired - 1)
        gone = not state.row or state.under_way
        if gone and self.rules.effect_needs_the_row and self.rules.row_goes_with_the_effect:
            return state
        stored = state.stored and self.rules.store_removes_row_behind_acknowledgement
        return state._replace(under_way=state.under_way + 1, stored=stored)

    def _next_term(self, state: State) -> State:
        """The node begins again from its store and the journal. Commands that waited are decided by the next term."""
        row = state.row and state.stored
        queued = row if self.rules.new_term_loads_the_rows else state.queued
        left = max(0, DUE - state.now) if queued else 0
        return state._replace(row=row, queued=queued, left=left, under_way=0, broken_terms=state.broken_terms + 1)

    def broken(self, state: State) -> str | None:
        if state.complaint:
            return state.complaint
        if state.effects > 1:
            return ONCE
        pending = state.queued or state.fired or state.under_way
        return NONE_LOST if not state.effects and not pending else None


USUAL = Bounds()

TIMERS = Part(
    name="timers",
    model=TimerPart,
    rules=Rules(),
    quick=(USUAL,),
    full=(Bounds(ticks=6, set_backs=2, broken_terms=3),),
    planted=(
        PlantedBug("wall_clock_is_looked_at_again", USUAL, NOT_EARLY),
        PlantedBug("row_goes_with_the_effect", USUAL, NONE_LOST),
        PlantedBug("effect_needs_the_row", USUAL, ONCE),
        PlantedBug("new_term_loads_the_rows", USUAL, NONE_LOST),
        PlantedBug("store_removes_row_behind_acknowledgement", USUAL, NONE_LOST),
    ),
)
