"""Tells what was measured: tables for people on standard output, and all of it in a JSON file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.goals import Goal, endpoint_goals, own_goals, peer_goals
from bench.measure import Results
from bench.options import Options
from bench.process_usage import MAIN
from bench.results import Cell, Run
from bench.servers.endpoints import OFFICIAL, OURS
from bench.soak import described

FORMAT = 1
DIRECTORY = Path(__file__).resolve().parent / "results"
GENERATOR_BUSY = 0.9
"""From here on the load generator may have been what limited the server."""

Table = list[list[str]]


def report(results: Results, options: Options) -> int:
    """Prints the tables and writes the file; the exit code: 1 if figures are missing or worthless."""
    goals = _goals(results)
    faults = [fault for run in (*results.runs, *results.peers) for fault in run.faults]
    for block in _blocks(results, goals):
        print(f"{block}\n")
    for text in results.left_out:
        print(f"left out: {text}")
    for fault in faults:
        print(f"FAILED: {fault}")
    file = options.out or DIRECTORY / f"{results.started_at.replace(':', '').replace('+0000', 'Z')}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(as_json(results, goals, faults), indent=1) + "\n")
    print(f"written to {file}")
    return 1 if faults else 0


def _goals(results: Results) -> list[Goal]:
    """Our own goals are for handlers in the node's process: elsewhere the other process is most of what is measured."""
    goals = [goal for run in results.runs if not run.handlers for goal in own_goals(run)]
    goals += [goal for run in results.runs for peer in results.peers for goal in peer_goals(run, peer)]
    official = next((run for run in results.runs if run.handlers == OFFICIAL), None)
    ours = next((run for run in results.runs if run.handlers == OURS), None)
    return goals + (endpoint_goals(ours, official) if ours and official else [])


def as_json(results: Results, goals: Sequence[Goal], faults: Sequence[str]) -> dict[str, Any]:
    """The content of the file."""
    content = {"format": FORMAT, **asdict(results)}
    content["goals"] = [{**asdict(goal), "met": goal.met} for goal in goals]
    content["faults"] = list(faults)
    return content


def _blocks(results: Results, goals: Sequence[Goal]) -> Iterator[str]:
    machine = f"{results.cpus} CPUs, Python {results.python}, load from {results.generator}"
    yield f"{results.started_at}, {machine}, {results.seconds:g} s a cell"
    for run in (*results.runs, *results.peers):
        yield "\n".join(_run(run, () if run in results.peers else results.peers))
    if goals:
        rows = [[goal.run, goal.what, goal.wanted, _figure(goal.found), "yes" if goal.met else "NO"] for goal in goals]
        yield _aligned([["on", "goal", "wanted", "found", "met"], *rows], left=3)


def _run(run: Run, peers: Sequence[Run]) -> Iterator[str]:
    yield f"== {run.title}"
    if run.floor:
        floor = run.floor
        yield f"floor: {floor.what}: p50 {floor.p50_ms:.3f} ms, p99 {floor.p99_ms:.2f} ms"
    if run.cells:
        head = ["workload", "clients", "p50 ms", "p99 ms", "calls/s", "x floor", "loop us", "all us", "load %"]
        head += [f"{what} / {peer.server}" for peer in peers for what in ("p50", "calls/s")]
        yield _aligned([head, *(_cell(cell, peers) for cell in run.cells)], left=1)
    if run.step_ms is not None:
        in_floors = f", {run.step_ms / run.floor.p50_ms:.2f} floors" if run.floor else ""
        yield f"a durable step at 1 client: {run.step_ms:.3f} ms{in_floors}"
    if run.events:
        yield _events(run, peers)
    if run.soak:
        yield from map(described, run.soak.samples)
        memory, disk = (_per_call(s) for s in (run.soak.resident_bytes_per_call, run.soak.disk_bytes_per_call))
        yield f"in the second half: {memory} of memory, {disk} of disk"


def _cell(cell: Cell, peers: Sequence[Run]) -> list[str]:
    row = [cell.workload, str(cell.clients), f"{cell.p50_ms:.2f}", f"{cell.p99_ms:.2f}", f"{cell.per_second:,.0f}"]
    row.append("" if cell.floor_ratio is None else f"{cell.floor_ratio:.2f}")
    row += _cpu(cell.cpu_us)
    row.append(f"{cell.generator_cpu:.0%}{'!' * (cell.generator_cpu > GENERATOR_BUSY)}")
    for theirs in (peer.cell(cell.workload, cell.clients) for peer in peers):
        row.append(_ratio(cell.p50_ms, theirs.p50_ms) if theirs else "")
        row.append(_ratio(cell.per_second, theirs.per_second) if theirs else "")
    return row


def _cpu(cpu_us: dict[str, float]) -> list[str]:
    """CPU of the main threads and of all threads, empty where it is unknown."""
    main = f"{cpu_us[MAIN]:,.0f}" if MAIN in cpu_us else ""
    return [main, f"{sum(cpu_us.values()):,.0f}" if cpu_us else ""]


def _events(run: Run, peers: Sequence[Run]) -> str:
    events = run.events
    assert events is not None
    right = "each counted once" if events.sum_found == events.sum_expected else "WRONG SUM"
    text = f"{events.events:,} events into objects: {events.per_second:,.0f}/s, {right}"
    if events.cpu_us:
        text += f", {sum(events.cpu_us.values()):,.0f} us of CPU each"
    for peer in peers:
        if peer.events:
            text += f", {_ratio(events.per_second, peer.events.per_second)} of {peer.server}"
    return text


def _per_call(size: float | None) -> str:
    return "unknown" if size is None else f"{size:+,.1f} bytes a call"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"


def _ratio(ours: float, theirs: float) -> str:
    return f"x {ours / theirs:.2f}"


def _aligned(table: Table, left: int) -> str:
    """The table as text: so many columns to the left, the others to the right."""
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    lines = (
        "  ".join(
            text.ljust(width) if column < left else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    )
    return "\n".join(lines)
