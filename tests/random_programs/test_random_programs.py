"""Random programs of all operations, with crashes and a faulty log, come to what their plain interpretation says."""

from __future__ import annotations

import os
import time

import pytest
from hypothesis import seed
from program_runs import BATCHES, check_programs, drawn, figures

PROGRAMS = int(os.environ.get("ODRADEK_PROGRAMS", "1000"))
"""So many are run, at least."""
SEED = int(os.environ.get("ODRADEK_SEED", "0"))
"""That of the first batch."""


@pytest.mark.row("E13", "E15")
def test_random_programs_do_what_they_mean() -> None:
    """Each batch has a seed of its own: the first ones, and so a failure in them, are always the same."""
    begun = time.process_time()
    run_batch = BATCHES(drawn(check_programs))
    batch = SEED
    while figures["programs"] < PROGRAMS:
        seed(batch)(run_batch)()
        batch += 1
    seconds = time.process_time() - begun
    shown = ", ".join(f"{count} {name}" for name, count in figures.items())
    print(f"\n{shown} in {seconds:.1f} CPU seconds: {seconds / figures['programs'] * 1000:.1f} ms a program")
