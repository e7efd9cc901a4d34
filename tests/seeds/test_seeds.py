"""Seeds that every change must pass: the first ones, in blocks, so that progress shows; and what they have reached."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator

import pytest

from simulation import coverage
from simulation.drawing import draw_plan
from simulation.run import run

SEEDS = int(os.environ.get("ODRADEK_SEEDS", "500"))
BLOCK = 50
SHARE_REACHED = 0.94
"""Of what can be reached; the rest takes some thousands of seeds."""


@pytest.fixture(scope="module")
def met() -> Iterator[Counter[str]]:
    """How often the seeds of this run came to what."""
    counts: Counter[str] = Counter()
    remove = coverage.install(lambda name: counts.update((name,)))
    yield counts
    remove()


@pytest.mark.parametrize("first", range(0, SEEDS, BLOCK))
def test_seeds_keep_every_property(first: int, met: Counter[str]) -> None:
    failed = {}
    for seed in range(first, first + BLOCK):
        report = run(draw_plan(seed))
        met.update(report.met)
        met["seeds"] += 1
        if report.violations:
            failed[seed] = report.violations[0]
    shown = "\n".join(f"make simulate SEED={seed}: {violation}" for seed, violation in failed.items())
    assert not failed, f"\n{shown}"


def test_seeds_reach_states_commands_events_and_crash_points(met: Counter[str]) -> None:
    if met["seeds"] < 500:
        pytest.skip("says something of 500 seeds and more")
    wanted = set(coverage.wanted())
    missing = sorted(name for name in wanted if not met[name])
    assert len(missing) <= (1 - SHARE_REACHED) * len(wanted), missing


def test_what_cannot_be_reached_is_not_reached(met: Counter[str]) -> None:
    assert set(coverage.everything()) >= coverage.NEVER.keys() | coverage.HARDLY_EVER.keys()
    assert [name for name in coverage.NEVER if met[name]] == []
