"""The simulation finds bugs: classic ones are planted, and each is found within some seeds."""

from __future__ import annotations

import pytest

from simulation.mutants.hunt import MUTANTS, hunt, name_of
from simulation.mutants.plant import Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=name_of)
def test_a_planted_bug_is_found(mutant: Mutant) -> None:
    assert hunt(mutant).seed is not None
