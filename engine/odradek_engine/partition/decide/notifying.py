"""How something that an invocation may wait for reaches it: into the journal first, then to the handler."""

from __future__ import annotations

from odradek.protocol.messages import Notification
from odradek_engine.model.effects import Deliver
from odradek_engine.model.events import EntriesAppended
from odradek_engine.model.rows import Phase, Status
from odradek_engine.partition.decide.decision import Decision
from odradek_engine.partition.decide.starting import start_again


def notify(d: Decision, invocation_id: bytes, status: Status, notification: Notification) -> None:
    """Appends a notification to an unfinished invocation's journal, and wakes the handler if it waits for it."""
    summary = d.tables.journal_summary(invocation_id)
    d.emit(EntriesAppended(invocation_id, summary.next_index, (notification,), d.now))
    if status.phase is Phase.INVOKED:
        d.effect(Deliver(invocation_id, status.attempt, (notification,)))
    elif status.phase is Phase.SUSPENDED:
        wake_if_resolved(d, invocation_id, status)


def wake_if_resolved(d: Decision, invocation_id: bytes, status: Status) -> None:
    """Starts a suspended invocation again if what it waits for is in its journal."""
    summary = d.tables.journal_summary(invocation_id)
    if status.awaiting is None or not summary.arrived.resolves(status.awaiting):
        return
    invocation = d.tables.invocation(invocation_id)
    start_again(d, invocation, status)
