"""Plans that have found bugs, cut down to what was needed: they pass, and fail where the bug is planted again."""

from __future__ import annotations

import pytest

from simulation.mutants import found_before
from simulation.mutants.plant import Mutant, Plant
from simulation.run import run


@pytest.mark.parametrize("bug", found_before.MUTANTS, ids=lambda bug: bug.__name__)
def test_a_bug_that_was_found_stays_away(bug: Mutant) -> None:
    plan = found_before.plan_of(bug)
    assert run(plan).violations == []
    plant = Plant()
    bug(plant)
    try:
        assert run(plan).violations
    finally:
        plant.pull()


def test_every_plan_is_of_a_bug() -> None:
    assert {path.stem for path in found_before.PLANS.glob("*.json")} == {bug.__name__ for bug in found_before.MUTANTS}
