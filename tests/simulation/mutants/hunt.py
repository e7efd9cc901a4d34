"""Runs seeds on each mutant until one of them finds it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import msgspec

from simulation.drawing import draw_plan
from simulation.mutants import deciding, found_before, leading, operating, recovering, storing
from simulation.mutants.plant import Mutant, Plant
from simulation.run import run

MUTANTS: tuple[Mutant, ...] = (
    *leading.MUTANTS,
    *recovering.MUTANTS,
    *storing.MUTANTS,
    *deciding.MUTANTS,
    *operating.MUTANTS,
    *found_before.MUTANTS,
)
SEEDS_MAX = 1_000
"""A mutant that lives so long shows a hole in the generator."""


class Find(msgspec.Struct, frozen=True):
    """How a mutant was found; `seed` None: it was not. A bug that was in the engine itself is found by its plan."""

    mutant: str
    seed: int | str | None
    runs: int
    cpu_seconds: float
    found: str


def name_of(mutant: Mutant) -> str:
    """For people."""
    return mutant.__name__.replace("_", " ")


def hunt_by_plan(mutant: Mutant) -> Find:
    """Runs the plan that was cut down when the bug was found."""
    plant = Plant()
    mutant(plant)
    try:
        report = run(found_before.plan_of(mutant))
    finally:
        plant.pull()
    found = report.violations[0] if report.violations else ""
    return Find(name_of(mutant), "plan" if found else None, 1, report.cpu_seconds, found)


def hunt(mutant: Mutant, first: int = 0, seeds: int = SEEDS_MAX) -> Find:
    """Runs seeds from `first` on."""
    plant = Plant()
    mutant(plant)
    began = time.process_time()
    try:
        for seed in range(first, first + seeds):
            report = run(draw_plan(seed))
            if report.violations:
                spent = time.process_time() - began
                return Find(name_of(mutant), seed, seed - first + 1, spent, report.violations[0])
    finally:
        plant.pull()
    return Find(name_of(mutant), None, seeds, time.process_time() - began, "")


def hunt_all(wanted: str = "", first: int = 0) -> Iterator[Find]:
    """All of them, or those whose name has `wanted` in it."""
    for mutant in MUTANTS:
        if wanted in name_of(mutant):
            yield hunt_by_plan(mutant) if mutant in found_before.MUTANTS else hunt(mutant, first)
