"""The checker: visits every state that a model can reach, breadth first, so that a counterexample is a shortest one.

States are kept as 64-bit hashes with the hash of the state they came from; a trace is found again by walking the model
from its start along these hashes. Two states that differ only in the names of nodes count as one where the model says
so (`canonical`), and the trace keeps the names.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

Step = tuple[Hashable, ...]
"""What was done: the name of an action and what it was done to."""


class Model(Protocol):
    """What can be searched."""

    def initial(self) -> Hashable:
        """Where everything begins."""

    def steps(self, state: Hashable) -> Iterable[tuple[Step, Hashable]]:
        """All that can happen next, and where it leads."""

    def canonical(self, state: Hashable) -> Hashable:
        """The state that stands for all that differ from this one in names alone."""

    def broken(self, state: Hashable) -> str | None:
        """The invariant that does not hold in a state."""


@dataclass(frozen=True)
class Counterexample:
    """How an invariant was broken: the steps from the start, each with the state behind it."""

    invariant: str
    trace: tuple[tuple[Step, Hashable], ...]

    def __str__(self) -> str:
        lines = [f"{self.invariant}, after {len(self.trace)} steps:"]
        lines += [f"  {number:2}. {step_text(step)}" for number, (step, _) in enumerate(self.trace, start=1)]
        return "\n".join([*lines, "  and then:", *(f"      {line}" for line in state_lines(self.trace[-1][1]))])


@dataclass(frozen=True)
class Found:
    """What a search saw. `complete`: every state that can be reached was visited."""

    states: int
    depth: int
    seconds: float
    complete: bool
    counterexample: Counterexample | None = None
    taken: frozenset[str] = field(default_factory=frozenset)
    """Names of the actions that happened at least once."""


def step_text(step: Step) -> str:
    name, *others = step
    return " ".join([str(name).replace("_", " "), *map(str, others)])


def state_lines(state: Hashable) -> list[str]:
    names = getattr(state, "_fields", None)
    return [repr(state)] if names is None else [f"{name}: {getattr(state, name)!r}" for name in names]


def search(model: Model, max_states: int = 10_000_000) -> Found:
    """Visits all states, or stops at the first that breaks an invariant, or at `max_states`."""
    began = time.monotonic()
    start = model.initial()
    came_from: dict[int, int | None] = {hash(model.canonical(start)): None}
    waiting = deque([(start, 0)])
    depth = 0
    taken: set[str] = set()
    invariant = model.broken(start)
    while waiting and invariant is None and len(came_from) < max_states:
        state, depth = waiting.popleft()
        before = hash(model.canonical(state))
        for step, after in model.steps(state):
            print_of_after = hash(model.canonical(after))
            if print_of_after in came_from:
                continue
            came_from[print_of_after] = before
            taken.add(str(step[0]))
            invariant = model.broken(after)
            if invariant is not None:
                trace = _trace(model, came_from, print_of_after)
                seconds = time.monotonic() - began
                counterexample = Counterexample(invariant, trace)
                return Found(len(came_from), depth + 1, seconds, False, counterexample, frozenset(taken))
            waiting.append((after, depth + 1))
    return Found(len(came_from), depth, time.monotonic() - began, not waiting, None, frozenset(taken))


def _trace(model: Model, came_from: dict[int, int | None], last: int) -> tuple[tuple[Step, Hashable], ...]:
    prints: list[int] = []
    at: int | None = last
    while at is not None:
        prints.append(at)
        at = came_from[at]
    state = model.initial()
    trace: list[tuple[Step, Hashable]] = []
    for wanted in reversed(prints[:-1]):
        step, state = next(
            (step, after) for step, after in model.steps(state) if hash(model.canonical(after)) == wanted
        )
        trace.append((step, state))
    return tuple(trace)
