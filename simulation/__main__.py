"""The command line: runs seeds, and one seed again with its trace."""

from __future__ import annotations

import argparse
import logging
import sys

from simulation.drawing import draw_plan
from simulation.run import run


def main() -> int:
    """Exit code 1 where a seed failed."""
    options = argparse.ArgumentParser(prog="python -m simulation", description=__doc__)
    options.add_argument("--seed", type=int, help="run this one alone, and show its trace")
    options.add_argument("--seeds", type=int, default=100, help="how many")
    options.add_argument("--first", type=int, default=0, help="the first one")
    given = options.parse_args()
    logging.basicConfig(level=logging.CRITICAL)
    logging.getLogger("odradek").setLevel(logging.ERROR)
    logging.getLogger("odradek_engine").setLevel(logging.ERROR)
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


sys.exit(main())
