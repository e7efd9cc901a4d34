"""Every property is violated once on purpose: each checker, alone, finds a bug that is planted for it."""

from __future__ import annotations

import logging

import pytest

from simulation import world as worlds
from simulation.checkers.denials import Denials
from simulation.checkers.epochs import Epochs
from simulation.checkers.every import KINDS
from simulation.checkers.idempotency import Idempotency
from simulation.checkers.journal_entries import JournalEntries
from simulation.checkers.linearizability import Linearizability
from simulation.checkers.messages import Messages
from simulation.checkers.nothing_left import NothingLeft
from simulation.checkers.one_outcome import OneOutcome
from simulation.checkers.one_writer import OneWriter
from simulation.checkers.placement import Placement
from simulation.checkers.port import Checker
from simulation.checkers.promises import Promises
from simulation.checkers.reads import Reads
from simulation.checkers.release import Release
from simulation.checkers.signals import Signals
from simulation.checkers.source_records import SourceRecords
from simulation.checkers.state_edits import StateEdits
from simulation.checkers.tables import TablesFollowJournals
from simulation.checkers.timers import Timers
from simulation.drawing import draw_plan
from simulation.mutants import deciding, leading, operating, recovering, storing
from simulation.mutants.plant import Mutant, Plant
from simulation.outside import begin_outside
from simulation.run import run

SEEDS_MAX = 1_000
BUGS: dict[type[Checker], Mutant] = {
    OneOutcome: deciding.a_known_request_begins_again,
    OneWriter: deciding.an_object_lets_two_in,
    JournalEntries: deciding.a_start_lacks_the_last_entry,
    TablesFollowJournals: storing.pending_layer_without_tombstones,
    SourceRecords: deciding.source_watermark_dropped,
    Messages: deciding.messages_taken_twice,
    Timers: deciding.timers_fire_early,
    Idempotency: deciding.results_are_kept_too_short,
    Epochs: recovering.epoch_check_dropped,
    Promises: deciding.a_promise_is_completed_twice,
    Release: leading.replies_before_acknowledgement,
    Reads: storing.reads_do_not_wait_for_the_disk,
    Denials: leading.negative_answers_unconfirmed,
    Signals: leading.errors_taken_as_a_no,
    StateEdits: operating.an_edit_that_waits_is_lost,
    Placement: operating.journals_go_on_anywhere,
    Linearizability: deciding.an_object_lets_two_in,
    NothingLeft: deciding.kill_keeps_the_lock,
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_checker_finds_its_bug(kind: type[Checker], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worlds, "all_checkers", lambda run: [kind(run)])
    plant = Plant()
    BUGS[kind](plant)
    try:
        assert any(_finds(kind, seed) for seed in range(SEEDS_MAX))
    finally:
        plant.pull()


def _finds(kind: type[Checker], seed: int) -> bool:
    return any(violation.startswith(f"{kind.name}:") for violation in run(draw_plan(seed)).violations)


def test_what_stands_still_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worlds, "all_checkers", lambda _run: [])
    plant = Plant()
    deciding.a_lock_is_never_released(plant)
    try:
        reports = [run(draw_plan(seed)) for seed in range(5)]
    finally:
        plant.pull()
    assert any(violation.startswith("L1 liveness:") for report in reports for violation in report.violations)


def test_an_error_in_the_log_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def complain() -> None:
        logging.getLogger("odradek_engine").error("something is wrong")

    monkeypatch.setattr(worlds.World, "strike", lambda _world, _fault: complain())
    report = run(next(plan for plan in map(draw_plan, range(100)) if plan.faults))
    assert any(violation.startswith("no errors in the log:") for violation in report.violations)


def test_a_step_that_runs_again_is_found() -> None:
    complaints: list[str] = []
    outside = begin_outside(complaints.append)
    first = outside.execute("step")
    outside.acknowledge("step", first)
    outside.acknowledge("step", first)
    assert complaints == []
    second = outside.execute("step")
    assert len(complaints) == 1
    outside.acknowledge("step", second)
    assert len(complaints) == 2
