"""Drives a server through all workloads at all numbers of clients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import httpx

from bench.floors import Floor
from bench.load import Generator, Load, LoadFailed
from bench.process_usage import cpu_ns_by_thread, cpu_since
from bench.results import Cell
from bench.servers.server import HOST, Server
from bench.workloads import Workload

WARM_UP_CLIENTS = 32
FIRST_CALL_SECONDS_MAX = 30.0
JSON = {"content-type": "application/json"}
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


def measure_cells(server: Server, plan: CellPlan, floor: Floor | None) -> tuple[Cell, ...]:
    """All cells of a plan; the floor is measured before and after those of one client, and they are put next to it."""
    _warm_up(server, plan, floor)
    alone = [count for count in plan.clients if count == 1]
    together = [count for count in plan.clients if count > 1]
    if floor is not None:
        floor.measure(plan.seconds * FLOOR_PART)
    cells = [_cell(server, plan, workload, count) for count in alone for workload in plan.workloads]
    if floor is not None:
        floor.measure(plan.seconds * FLOOR_PART)
        p50_ms = floor.result().p50_ms
        cells = [replace(cell, floor_ratio=cell.p50_ms / p50_ms) for cell in cells]
    cells += [_cell(server, plan, workload, count) for count in together for workload in plan.workloads]
    return tuple(cells)


def _warm_up(server: Server, plan: CellPlan, floor: Floor | None) -> None:
    share = plan.warm_up_seconds / (len(plan.workloads) + 1)
    for workload in plan.workloads:
        _first_call(server, workload)
        plan.generate(Load(HOST, server.ingress_port, workload, WARM_UP_CLIENTS, share))
    if floor is not None:
        floor.warm_up(share)


def _first_call(server: Server, workload: Workload) -> None:
    """Waits for one answer as long as it takes: a server that has just started may need seconds for it."""
    path, body = (text.replace("{key}", "0") for text in (workload.path, workload.body))
    url = f"http://{HOST}:{server.ingress_port}{path}"
    try:
        answer = httpx.post(url, content=body, headers=JSON, timeout=FIRST_CALL_SECONDS_MAX, trust_env=False)
    except httpx.HTTPError as error:
        raise LoadFailed(f"{url}: {error!r}") from error
    if not answer.is_success:
        raise LoadFailed(f"{url}: {answer.status_code} {answer.text}")


def _cell(server: Server, plan: CellPlan, workload: Workload, clients: int) -> Cell:
    before = cpu_ns_by_thread(server.process_ids)
    measured = plan.generate(Load(HOST, server.ingress_port, workload, clients, plan.seconds))
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
