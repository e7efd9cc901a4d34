"""The command line: runs seeds, one seed again with its trace, planted bugs; cuts failing plans down."""

from __future__ import annotations

import argparse
import logging
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from simulation import coverage
from simulation.drawing import draw_plan
from simulation.mutants.hunt import hunt_all
from simulation.plan import Plan
from simulation.run import Report, run
from simulation.shrink import shrink


def main() -> int:
    """Exit code 1 where a property was violated, or a planted bug lives."""
    options = argparse.ArgumentParser(prog="python -m simulation", description=__doc__)
    options.add_argument("--seeds", type=int, default=100, help="run so many seeds")
    options.add_argument("--first", type=int, default=0, help="the first one")
    options.add_argument("--coverage", action="store_true", help="show what they reached least")
    options.add_argument("--seed", type=int, help="run this one alone, and show its trace")
    options.add_argument("--plan", type=Path, help="run the plan in this file, and show its trace")
    options.add_argument("--shrink", type=Path, help="cut the failing --seed or --plan down, into this file")
    options.add_argument("--mutants", nargs="?", const="", help="plant bugs: all, or those with this in their name")
    given = options.parse_args()
    logging.getLogger().addHandler(logging.NullHandler())
    if given.mutants is not None:
        return _hunt(given.mutants, given.first)
    if given.seed is None and given.plan is None:
        return _run_seeds(given.first, given.seeds, given.coverage)
    plan = draw_plan(given.seed) if given.plan is None else msgspec.json.decode(given.plan.read_bytes(), type=Plan)
    if given.shrink is not None:
        plan = shrink(plan, print)
        given.shrink.write_bytes(msgspec.json.format(msgspec.json.encode(plan)))
    report = run(plan, print)
    verdict = "a property was violated" if report.violations else "every property was kept"
    print(f"{verdict}; hash {report.digest}, {report.cpu_seconds:.3f} CPU seconds")
    return 1 if report.violations else 0


class _Sum:
    """The figures of many runs."""

    def __init__(self) -> None:
        self.seeds = self.failed = self.events = self.records = 0
        self.cpu = self.virtual = 0.0
        self.met: Counter[str] = Counter()

    def add(self, report: Report) -> None:
        self.seeds += 1
        self.failed += bool(report.violations)
        self.events += report.events
        self.records += report.records
        self.cpu += report.cpu_seconds
        self.virtual += report.virtual_seconds
        self.met.update(report.met)

    def progress(self) -> str:
        """In a line."""
        return (
            f"{self.seeds} seeds, {self.failed} failed; {self.events:,} events, {self.records:,} journal records; "
            f"{self.cpu / self.seeds:.3f} CPU seconds a seed, {self.virtual / self.cpu:.0f} times real time"
        )

    def faults(self) -> Iterator[str]:
        """A line for each kind of fault."""
        counts = {name[6:]: count for name, count in self.met.items() if name.startswith("fault ")}
        deaths = {name: self.met[name] for name in ("node deaths", "crashes at points")}
        for name, count in (*sorted(counts.items()), *deaths.items()):
            yield f"  {name:36} {count:10,}"


def _run_seeds(first: int, count: int, with_coverage: bool) -> int:
    total = _Sum()
    remove = coverage.install(lambda name: total.met.update((name,))) if with_coverage else None
    for seed in range(first, first + count):
        report = run(draw_plan(seed))
        total.add(report)
        if report.violations:
            print(f"seed {seed} failed: {report.violations[0][:400]}\n    make simulate SEED={seed}", flush=True)
        if total.seeds % 500 == 0 and total.seeds < count:
            print(total.progress(), flush=True)
    print(total.progress())
    for line in ("faults", *total.faults()):
        print(line)
    if remove is not None:
        remove()
        for line in coverage.report(total.met):
            print(line)
    return 1 if total.failed else 0


def _hunt(wanted: str, first: int) -> int:
    alive = 0
    print(f"{'mutant':44} {'seed':>6} {'runs':>6} {'CPU s':>7}  found by")
    for find in hunt_all(wanted, first):
        alive += find.seed is None
        seed = "alive" if find.seed is None else str(find.seed)
        print(f"{find.mutant:44} {seed:>6} {find.runs:6} {find.cpu_seconds:7.2f}  {find.found[:60]}", flush=True)
    print(f"{alive} alive")
    return 1 if alive else 0


sys.exit(main())
