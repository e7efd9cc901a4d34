"""The checker itself, over a puzzle whose answers are known: two jugs of 3 and 5 litres."""

from __future__ import annotations

from collections.abc import Iterator

from state_search import search

State = tuple[int, int]
SIZES = (3, 5)


class Jugs:
    """Fill, empty, pour; `wanted` litres in one of them break the invariant."""

    def __init__(self, wanted: int, *, alike: bool = False) -> None:
        self.wanted = wanted
        self.alike = alike

    def initial(self) -> State:
        return (0, 0)

    def steps(self, state: State) -> Iterator[tuple[tuple[str, int], State]]:
        for jug in (0, 1):
            other = 1 - jug
            poured = min(state[jug], SIZES[other] - state[other])
            for name, mine, others in (
                ("fill", SIZES[jug], state[other]),
                ("empty", 0, state[other]),
                ("pour", state[jug] - poured, state[other] + poured),
            ):
                yield (name, jug), (mine, others) if jug == 0 else (others, mine)

    def canonical(self, state: State) -> State:
        return (min(state), max(state)) if self.alike else state

    def broken(self, state: State) -> str | None:
        return "measured" if self.wanted in state else None


def test_every_state_is_visited() -> None:
    found = search(Jugs(99))
    assert (found.states, found.complete, found.counterexample) == (16, True, None)
    assert found.taken == {"fill", "empty", "pour"}


def test_a_counterexample_is_a_shortest_one_and_replays() -> None:
    found = search(Jugs(4))
    assert found.counterexample is not None
    trace = found.counterexample.trace
    assert len(trace) == 6
    assert 4 in trace[-1][1]  # type: ignore[operator]
    state: State = (0, 0)
    for step, after in trace:
        assert (step, after) in list(Jugs(4).steps(state))
        state = after  # type: ignore[assignment]
    assert "pour 1" in str(found.counterexample)


def test_states_that_differ_in_names_count_once() -> None:
    assert search(Jugs(99, alike=True)).states < 16


def test_a_search_that_was_cut_short_says_so() -> None:
    assert not search(Jugs(99), max_states=5).complete
