"""Drives a server through all workloads at all numbers of clients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from bench.floors import Floor, Write
from bench.load import Generator, Load, Measured
from bench.process_usage import cpu_ns_by_thread, cpu_since
from bench.results import Cell, FloorResult
from bench.servers.server import HOST, Server
from bench.workloads import Workload

WARM_UP_CLIENTS = 32
FLOOR_PART = 0.5
"""How long the floor is measured, each time, in parts of a cell's seconds."""


@dataclass(frozen=True)
class CellPlan:
    """Which cells, and for how long each. `warm_up_seconds` is for all workloads together."""

    workloads: Sequence[Workload]
    clients: Sequence[int]
    seconds: float
    warm_up_seconds: float
    generate: Generator
    note: Callable[[str], None]


def measure_cells(
    server: Server, plan: CellPlan, floor: tuple[Floor, Write] | None
) -> tuple[list[Cell], FloorResult | None]:
    """All cells of a plan, and the floor as it was before and after the cells of one client."""
    _warm_up(server, plan, floor)
    alone = [count for count in plan.clients if count == 1]
    together = [count for count in plan.clients if count > 1]
    measured = _measure_floor(floor, plan)
    cells = [_cell(server, plan, workload, count) for count in alone for workload in plan.workloads]
    measured = _measure_floor(measured, plan)
    if measured is not None:
        cells = [replace(cell, floor_ratio=cell.p50_ms / measured[0].p50_ms) for cell in cells]
    cells += [_cell(server, plan, workload, count) for count in together for workload in plan.workloads]
    return cells, None if measured is None else _result(measured[0])


def drive(server: Server, generate: Generator, workload: Workload, clients: int, seconds: float) -> Measured:
    """Puts a load on a server. Raises `LoadFailed`."""
    return generate(Load(HOST, server.ingress_port, workload, clients, seconds))


def _warm_up(server: Server, plan: CellPlan, floor: tuple[Floor, Write] | None) -> None:
    share = plan.warm_up_seconds / (len(plan.workloads) + 1)
    for workload in plan.workloads:
        drive(server, plan.generate, workload, WARM_UP_CLIENTS, share)
    if floor is not None:
        nothing, write = floor
        nothing.measured(write, share)


def _measure_floor(floor: tuple[Floor, Write] | None, plan: CellPlan) -> tuple[Floor, Write] | None:
    if floor is None:
        return None
    so_far, write = floor
    return so_far.measured(write, plan.seconds * FLOOR_PART), write


def _cell(server: Server, plan: CellPlan, workload: Workload, clients: int) -> Cell:
    before = cpu_ns_by_thread(server.process_ids)
    measured = drive(server, plan.generate, workload, clients, plan.seconds)
    used = cpu_since(before, cpu_ns_by_thread(server.process_ids))
    cell = Cell(
        workload=workload.name,
        clients=clients,
        requests=measured.requests,
        seconds=measured.seconds,
        failed=measured.failed,
        p50_ms=measured.p50_ms,
        p99_ms=measured.p99_ms,
        per_second=measured.per_second,
        generator_cpu=measured.generator_cpu,
        cpu_us={name: ns / 1000 / measured.requests for name, ns in used.items()},
        floor_ratio=None,
    )
    plan.note(f"{workload.name} at {clients}: p50 {cell.p50_ms:.2f} ms, {cell.per_second:,.0f}/s")
    return cell


def _result(floor: Floor) -> FloorResult:
    return FloorResult(floor.what, len(floor.latencies_ms), floor.p50_ms, floor.p99_ms)
