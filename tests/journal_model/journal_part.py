"""The model of one writer per journal: announcement, append, unknown results, apply, replies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from journal_appends import append_steps, log_steps
from journal_invariants import broken
from journal_state import Bounds, Node, Rules, State
from journal_terms import term_steps
from state_search import Step


@dataclass(frozen=True)
class JournalPart:
    """Nodes that fight for one journal."""

    rules: Rules
    bounds: Bounds

    def initial(self) -> State:
        return State(tuple(Node() for _ in range(self.bounds.nodes)))

    def steps(self, state: State) -> Iterator[tuple[Step, State]]:
        yield from term_steps(state, self.rules, self.bounds)
        yield from append_steps(state, self.rules, self.bounds)
        yield from log_steps(state, self.rules, self.bounds)

    def canonical(self, state: State) -> State:
        """No node differs from another but by what it does."""
        return state._replace(nodes=tuple(sorted(state.nodes)))

    def broken(self, state: State) -> str | None:
        return broken(state, self.rules)
