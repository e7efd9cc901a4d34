"""`BeginAttempt`: an attempt that waited for a free slot, or for a new leader, begins."""

from __future__ import annotations

from odradek_engine.model.commands import BeginAttempt
from odradek_engine.model.effects import EndAttempt
from odradek_engine.model.events import StatusChanged
from odradek_engine.partition.decide.decision import Decision
from odradek_engine.partition.decide.finding import find_attempt
from odradek_engine.partition.decide.starting import on_deployment, start_attempt


def decide(d: Decision, command: BeginAttempt) -> None:
    """Starts it; if it was overtaken by events, its slot is free again."""
    found = find_attempt(d, command.invocation, command.attempt)
    if found is None:
        d.effect(EndAttempt(command.invocation, command.attempt))
        return
    invocation, status = found
    settled = on_deployment(d, invocation, status)
    if settled is not status:
        d.emit(StatusChanged(invocation.id, settled))
    start_attempt(d, invocation, settled)
