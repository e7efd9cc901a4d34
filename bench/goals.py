"""What we want to reach on a quiet machine with two cores and one broker on it, and whether a run did."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench.results import Cell, Run

STEP_FLOORS_MAX = 2.0
NOOP_FLOORS_MAX = 5.0
PER_SECOND_MIN = {"noop": 8_000, "add": 6_000, "steps9": 2_500}
MANY_CLIENTS = 128
EVENTS_PER_SECOND_MIN = 8_000
GROWTH_MAX = 0.05
"""What counts as flat: growth over the second half of a long run."""
PEER_THROUGHPUT_MIN = 10.0
PEER_P50_MAX = 0.25
SERVED_THROUGHPUT_MIN = 1.0
SERVED_P50_MAX = 1.0
"""With the peer's own SDK and the same process of it at both servers."""
OWN_ENDPOINT_THROUGHPUT_MIN = 1.5
"""Of our SDK's endpoint in place of the peer's, at the same server."""


@dataclass(frozen=True)
class Goal:
    """A goal, and what was found. `limit` is an upper one if `at_most`, else a lower one."""

    run: str
    what: str
    unit: str
    at_most: bool
    limit: float
    found: float

    @property
    def met(self) -> bool:
        """Whether it was reached."""
        return self.found <= self.limit if self.at_most else self.found >= self.limit

    @property
    def wanted(self) -> str:
        """The goal, in short."""
        return f"{'<=' if self.at_most else '>='} {self.limit:,g} {self.unit}"


def own_goals(run: Run) -> list[Goal]:
    """Our own goals, as far as a run measured what they speak of."""
    goals = []
    noop = run.cell("noop", 1)
    if noop and noop.floor_ratio is not None:
        goals.append(Goal(run.title, "noop at 1 client", "floors", True, NOOP_FLOORS_MAX, noop.floor_ratio))
    if run.step_ms is not None and run.floor is not None:
        in_floors = run.step_ms / run.floor.p50_ms
        goals.append(Goal(run.title, "a durable step at 1 client", "floors", True, STEP_FLOORS_MAX, in_floors))
    for workload, limit in PER_SECOND_MIN.items():
        if cell := run.cell(workload, MANY_CLIENTS):
            what = f"{workload} at {MANY_CLIENTS} clients"
            goals.append(Goal(run.title, what, "/s", False, limit, cell.per_second))
    if run.events:
        goals.append(Goal(run.title, "events", "/s", False, EVENTS_PER_SECOND_MIN, run.events.per_second))
    return goals + _flatness(run)


def _flatness(run: Run) -> list[Goal]:
    if run.soak is None:
        return []
    sizes = (("memory", run.soak.resident_growth), ("disk", run.soak.disk_growth))
    title = f"over the second half of {run.soak.calls:,} calls"
    return [
        Goal(run.title, f"{name} {title}", "of growth", True, GROWTH_MAX, growth)
        for name, growth in sizes
        if growth is not None
    ]


def peer_goals(run: Run, peer: Run) -> list[Goal]:
    """How we want to compare with a peer that was measured in the same run: in process, or with the same handlers."""
    if run.handlers and run.handlers != peer.handlers:
        return []
    p50_max = SERVED_P50_MAX if run.handlers else PEER_P50_MAX
    throughput_min = SERVED_THROUGHPUT_MIN if run.handlers else PEER_THROUGHPUT_MIN
    goals = []
    for cell, theirs in _both(run, peer):
        if cell.clients == 1:
            unit = f"of {peer.server}'s p50"
            goals.append(Goal(run.title, _what(cell), unit, True, p50_max, cell.p50_ms / theirs.p50_ms))
        elif cell.clients == MANY_CLIENTS:
            unit = f"x {peer.server}'s throughput"
            ratio = cell.per_second / theirs.per_second
            goals.append(Goal(run.title, _what(cell), unit, False, throughput_min, ratio))
    return goals


def endpoint_goals(run: Run, official: Run) -> list[Goal]:
    """How we want our SDK's endpoint to compare with the official one at the same server."""
    unit = f"x {official.handlers}'s throughput"
    return [
        Goal(run.title, _what(cell), unit, False, OWN_ENDPOINT_THROUGHPUT_MIN, cell.per_second / theirs.per_second)
        for cell, theirs in _both(run, official)
        if cell.clients == MANY_CLIENTS
    ]


def _both(run: Run, other: Run) -> Iterator[tuple[Cell, Cell]]:
    """The cells that both have measured."""
    for cell in run.cells:
        if theirs := other.cell(cell.workload, cell.clients):
            yield cell, theirs


def _what(cell: Cell) -> str:
    return f"{cell.workload} at {cell.clients} client{'s' * (cell.clients > 1)}"
