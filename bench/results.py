"""What was measured, as data: the JSON file holds exactly this."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.workloads import WORKLOADS

_STEPS = {workload.name: workload.steps for workload in WORKLOADS if workload.steps or workload.name == "noop"}
"""Workloads that differ in nothing but the number of their steps."""


@dataclass(frozen=True)
class FloorResult:
    """Single durable writes, one at a time, before and after the calls of one client."""

    what: str
    writes: int
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True)
class Cell:
    """A workload at a number of clients. `cpu_us` is the server's CPU for one request, by thread."""

    workload: str
    clients: int
    requests: int
    seconds: float
    failed: int
    p50_ms: float
    p99_ms: float
    per_second: float
    generator_cpu: float
    cpu_us: dict[str, float]
    floor_ratio: float | None
    """p50 in floors; only at one client, where a call waits for nothing but its own writes."""


@dataclass(frozen=True)
class Events:
    """A topic's events into objects. `sum_found` is what they add up to there; `lag_seconds` when all were taken."""

    events: int
    seconds: float
    lag_seconds: float | None
    per_second: float
    sum_expected: int
    sum_found: int
    cpu_us: dict[str, float]


@dataclass(frozen=True)
class Sample:
    """A server's size after so many calls; None where memory is unknown."""

    calls: int
    per_second: float
    resident_bytes: int | None
    disk_bytes: int


@dataclass(frozen=True)
class Soak:
    """A long run. The slopes are of its second half, when caches are full and what is bounded has met its bound."""

    calls: int
    failed: int
    samples: tuple[Sample, ...]
    resident_bytes_per_call: float | None
    disk_bytes_per_call: float
    resident_growth: float | None
    """Growth over the second half, as a part of the size at its beginning."""
    disk_growth: float


@dataclass(frozen=True)
class Run:
    """All that was measured on one server. `log` is where ours keeps its log, empty at peers."""

    server: str
    log: str
    floor: FloorResult | None = None
    cells: tuple[Cell, ...] = ()
    events: Events | None = None
    soak: Soak | None = None
    failure: str = ""
    """What ended the measurements early."""
    handlers: str = ""
    """What serves them in a process of their own, empty where they are in the server's."""

    def cell(self, workload: str, clients: int) -> Cell | None:
        """One of the cells."""
        return next((cell for cell in self.cells if (cell.workload, cell.clients) == (workload, clients)), None)

    @property
    def step_ms(self) -> float | None:
        """What one more durable step adds to a call of one client; None where too little was measured."""
        by_steps = sorted((_STEPS[c.workload], c.p50_ms) for c in self.cells if c.clients == 1 and c.workload in _STEPS)
        if len(by_steps) < 2:
            return None
        (fewest, fast), (most, slow) = by_steps[0], by_steps[-1]
        return (slow - fast) / (most - fewest)

    @property
    def faults(self) -> list[str]:
        """What makes the figures worthless or incomplete: requests that failed, sums that are wrong."""
        found = [f"{c.workload} at {c.clients} clients: {c.failed} requests failed" for c in self.cells if c.failed]
        if self.events and self.events.sum_found != self.events.sum_expected:
            found.append(f"events add up to {self.events.sum_found}, not to {self.events.sum_expected}")
        if self.soak and self.soak.failed:
            found.append(f"{self.soak.failed} calls of the long run failed")
        if self.failure:
            found.append(self.failure)
        return [f"{self.title}: {text}" for text in found]

    @property
    def title(self) -> str:
        """How people call it."""
        server = f"{self.server} on {self.log}" if self.log else self.server
        return f"{server}, handlers by {self.handlers}" if self.handlers else server


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Least squares: how much the second grows when the first grows by one; 0 for fewer than two points."""
    if len(points) < 2:
        return 0.0
    middle_x = sum(x for x, _ in points) / len(points)
    middle_y = sum(y for _, y in points) / len(points)
    spread = sum((x - middle_x) ** 2 for x, _ in points)
    return sum((x - middle_x) * (y - middle_y) for x, y in points) / spread if spread else 0.0
