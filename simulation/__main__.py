"""The command line: runs seeds, and one seed again with its trace."""

from __future__ import annotations

import argparse
import logging
import sys

from simulation.drawing import draw_plan
from simulation.mutants.hunt import hunt_all
from simulation.run import run


def main() -> int:
    """Exit code 1 where a seed failed."""
    options = argparse.ArgumentParser(prog="python -m simulation", description=__doc__)
    options.add_argument("--seed", type=int, help="run this one alone, and show its trace")
    options.add_argument("--seeds", type=int, default=100, help="how many")
    options.add_argument("--first", type=int, default=0, help="the first one")
    options.add_argument("--mutants", nargs="?", const="", help="plant bugs, those whose names have this in them")
    given = options.parse_args()
    logging.basicConfig(level=logging.CRITICAL)
    logging.getLogger("odradek").setLevel(logging.ERROR)
    logging.getLogger("odradek_engine").setLevel(logging.ERROR)
    if given.mutants is not None:
        return _hunt(given.mutants, given.first)
    if given.seed is not None:
        report = run(draw_plan(given.seed), print)
        print(f"seed {given.seed}: {report.digest}, {report.cpu_seconds:.3f} CPU seconds")
        return 1 if report.violations else 0
    failed = 0
    cpu = virtual = 0.0
    events = records = 0
    for seed in range(given.first, given.first + given.seeds):
        report = run(draw_plan(seed))
        cpu += report.cpu_seconds
        virtual += report.virtual_seconds
        events += report.events
        records += report.records
        if report.violations:
            failed += 1
            print(f"seed {seed} failed: {report.violations[0][:400]}\n    make simulate SEED={seed}", flush=True)
    print(
        f"{given.seeds} seeds, {failed} failed; {events} events, {records} journal records; "
        f"{cpu / given.seeds:.3f} CPU seconds a seed, {virtual / max(cpu, 1e-9):.0f} times real time"
    )
    return 1 if failed else 0


def _hunt(wanted: str, first: int) -> int:
    alive = 0
    print(f"{'mutant':44} {'seed':>6} {'runs':>6} {'CPU s':>7}  found by")
    for find in hunt_all(wanted, first):
        alive += find.seed is None
        seed = "alive" if find.seed is None else str(find.seed)
        print(f"{find.mutant:44} {seed:>6} {find.runs:6} {find.cpu_seconds:7.2f}  {find.found[:60]}", flush=True)
    return 1 if alive else 0


sys.exit(main())
