"""The properties that every run is held against, one module each."""

from __future__ import annotations

from simulation.checkers.journal_entries import JournalEntries
from simulation.checkers.one_outcome import OneOutcome
from simulation.checkers.one_writer import OneWriter
from simulation.checkers.port import Checker, Watched

_KINDS: tuple[type[Checker], ...] = (OneOutcome, OneWriter, JournalEntries)


def all_checkers(run: Watched) -> list[Checker]:
    """One of each, for a run."""
    return [kind(run) for kind in _KINDS]
