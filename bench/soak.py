"""A long run of all workloads in turn: do memory and disk stay flat?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.load import Generator, Load
from bench.process_usage import disk_bytes, resident_bytes
from bench.results import Sample, Soak, slope
from bench.servers.server import HOST, Server
from bench.workloads import Workload

CALLS = 1_000_000
SAMPLES = 10
CLIENTS = 64
FIRST_PER_SECOND = 2_000
"""What a workload is taken to reach before it was measured once."""


@dataclass(frozen=True)
class SoakPlan:
    """So many calls, spread evenly over the workloads between every two samples."""

    calls: int
    workloads: tuple[Workload, ...]
    generate: Generator
    note: Callable[[str], None]


def measure_soak(server: Server, plan: SoakPlan) -> Soak:
    """Makes the calls, or some more, and samples the server's size about ten times. Raises `LoadFailed`."""
    share = plan.calls / SAMPLES / len(plan.workloads)
    per_second = dict.fromkeys(plan.workloads, float(FIRST_PER_SECOND))
    samples = [_sample(server, 0, 0.0)]
    failed = 0
    while samples[-1].calls < plan.calls:
        made, seconds = 0, 0.0
        for workload in plan.workloads:
            load = Load(HOST, server.ingress_port, workload, CLIENTS, share / per_second[workload])
            measured = plan.generate(load)
            per_second[workload] = measured.per_second
            made += measured.requests
            seconds += measured.seconds
            failed += measured.failed
        samples.append(_sample(server, samples[-1].calls + made, made / seconds))
        plan.note(described(samples[-1]))
    return judged(failed, tuple(samples))


def described(sample: Sample) -> str:
    """A sample as a line."""
    memory = "?" if sample.resident_bytes is None else f"{sample.resident_bytes / 2**20:,.0f}"
    disk = sample.disk_bytes / 2**20
    return f"{sample.calls:>10,} calls: {memory} MiB of memory, {disk:,.0f} MiB of disk, {sample.per_second:,.0f}/s"


def _sample(server: Server, calls: int, per_second: float) -> Sample:
    return Sample(calls, per_second, resident_bytes(server.process_ids), disk_bytes(server.data))


def judged(failed: int, samples: tuple[Sample, ...]) -> Soak:
    later = samples[len(samples) // 2 :]
    disk = [(float(sample.calls), float(sample.disk_bytes)) for sample in later]
    memory = [(float(s.calls), float(s.resident_bytes)) for s in later if s.resident_bytes is not None]
    return Soak(
        calls=samples[-1].calls,
        failed=failed,
        samples=samples,
        resident_bytes_per_call=slope(memory) if memory else None,
        disk_bytes_per_call=slope(disk),
        resident_growth=_growth(memory) if memory else None,
        disk_growth=_growth(disk),
    )


def _growth(points: list[tuple[float, float]]) -> float:
    (first_x, first_y), (last_x, _) = points[0], points[-1]
    return slope(points) * (last_x - first_x) / first_y if first_y else 0.0
