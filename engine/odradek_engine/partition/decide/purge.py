"""`Purge` and `PurgeJournal`: forget a finished invocation, or its journal alone."""

from __future__ import annotations

from odradek_engine.model.commands import Purge, PurgeJournal
from odradek_engine.model.outcomes import Done, NotCompleted, NotFound
from odradek_engine.model.rows import Completion
from odradek_engine.partition.decide.decision import Decision
from odradek_engine.partition.decide.forgetting import forget_finished, forget_journal


def decide(d: Decision, command: Purge) -> None:
    """Its idempotency key is free again, or its workflow's key."""
    completion = _finished(d, command.invocation)
    if completion is not None:
        forget_finished(d, command.invocation, completion)
        d.answer(Done())


def decide_journal(d: Decision, command: PurgeJournal) -> None:
    """Its result stays."""
    completion = _finished(d, command.invocation)
    if completion is None:
        return
    if completion.journal_kept:
        forget_journal(d, command.invocation, completion)
    d.answer(Done())


def _finished(d: Decision, invocation: bytes) -> Completion | None:
    completion = d.tables.completions.get(invocation)
    if completion is None:
        running = d.tables.statuses.get(invocation) is not None
        d.answer((NotCompleted if running else NotFound)(invocation))
    return completion
