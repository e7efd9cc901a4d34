"""Seeds that every change must pass: the first ones, in blocks, so that progress shows."""

from __future__ import annotations

import os

import pytest

from simulation.drawing import draw_plan
from simulation.run import run

SEEDS = int(os.environ.get("ODRADEK_SEEDS", "500"))
BLOCK = 50


@pytest.mark.parametrize("first", range(0, SEEDS, BLOCK))
def test_seeds_keep_every_property(first: int) -> None:
    failed = {}
    for seed in range(first, first + BLOCK):
        report = run(draw_plan(seed))
        if report.violations:
            failed[seed] = report.violations[0]
    shown = "\n".join(f"make simulate SEED={seed}: {violation}" for seed, violation in failed.items())
    assert not failed, f"\n{shown}"
