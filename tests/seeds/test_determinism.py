"""A seed is a run: twice in one process, and in processes whose hashes differ."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from simulation.drawing import draw_plan
from simulation.run import run

REPOSITORY = Path(__file__).resolve().parents[2]
SEEDS = range(24)
DIGESTS = f"""
from simulation.drawing import draw_plan
from simulation.run import run
for seed in range({len(SEEDS)}):
    print(run(draw_plan(seed)).digest)
"""


def digests_elsewhere(hash_seed: str) -> list[str]:
    path = os.pathsep.join([str(REPOSITORY / "tests"), *sys.path])
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, "-c", DIGESTS], env=environment, capture_output=True, text=True, timeout=240, check=True
    )
    return done.stdout.split()


def test_a_seed_runs_the_same_wherever_it_runs() -> None:
    here = [run(draw_plan(seed)).digest for seed in SEEDS]
    assert len(set(here)) == len(here)
    assert [run(draw_plan(seed)).digest for seed in SEEDS] == here
    assert digests_elsewhere("1") == here
    assert digests_elsewhere("2") == here
