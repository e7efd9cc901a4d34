"""The simulation finds bugs: classic ones are planted, and each is found within some seeds."""

from __future__ import annotations

import pytest

from simulation.mutants import found_before
from simulation.mutants.hunt import MUTANTS, hunt, name_of
from simulation.mutants.plant import Mutant

CLASSICS = [mutant for mutant in MUTANTS if mutant not in found_before.MUTANTS]
"""Those that were found in the engine itself have plans of their own: see `test_regressions`."""


@pytest.mark.parametrize("mutant", CLASSICS, ids=name_of)
def test_a_planted_bug_is_found(mutant: Mutant) -> None:
    assert hunt(mutant).seed is not None
