"""The properties that every run is held against, one module each."""

from __future__ import annotations

from simulation.checkers.denials import Denials
from simulation.checkers.epochs import Epochs
from simulation.checkers.idempotency import Idempotency
from simulation.checkers.journal_entries import JournalEntries
from simulation.checkers.linearizability import Linearizability
from simulation.checkers.messages import Messages
from simulation.checkers.nothing_left import NothingLeft
from simulation.checkers.one_outcome import OneOutcome
from simulation.checkers.one_writer import OneWriter
from simulation.checkers.placement import Placement
from simulation.checkers.port import Checker, Watched
from simulation.checkers.promises import Promises
from simulation.checkers.reads import Reads
from simulation.checkers.release import Release
from simulation.checkers.signals import Signals
from simulation.checkers.source_records import SourceRecords
from simulation.checkers.state_edits import StateEdits
from simulation.checkers.tables import TablesFollowJournals
from simulation.checkers.timers import Timers

KINDS: tuple[type[Checker], ...] = (
    OneOutcome,
    OneWriter,
    JournalEntries,
    TablesFollowJournals,
    SourceRecords,
    Messages,
    Timers,
    Idempotency,
    Epochs,
    Promises,
    Release,
    Reads,
    Denials,
    Signals,
    StateEdits,
    Placement,
    Linearizability,
    NothingLeft,
)


def all_checkers(run: Watched) -> list[Checker]:
    """One of each, for a run."""
    return [kind(run) for kind in KINDS]
