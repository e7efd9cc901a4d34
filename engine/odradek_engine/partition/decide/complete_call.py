"""`CompleteCall`: a callee's result reaches its caller."""

from __future__ import annotations

from odradek_engine.model.commands import CompleteCall
from odradek_engine.partition.decide.decision import Decision
from odradek_engine.partition.decide.notifying import notify


def decide(d: Decision, command: CompleteCall) -> None:
    """The first result of a call counts."""
    status = d.tables.statuses.get(command.invocation)
    if status is None:
        return
    if d.tables.journal_summary(command.invocation).arrived.has_completion(command.completion.completion_id):
        return
    notify(d, command.invocation, status, command.completion)
