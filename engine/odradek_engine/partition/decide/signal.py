"""`Signal`: an awakeable's completion or another signal reaches its invocation."""

from __future__ import annotations

from odradek_engine.model.commands import Signal
from odradek_engine.model.outcomes import Done, NotFound
from odradek_engine.partition.decide.decision import Decision
from odradek_engine.partition.decide.notifying import notify


def decide(d: Decision, command: Signal) -> None:
    """Appended at once, whether somebody waits for it yet or not; the first one of an awakeable counts."""
    status = d.tables.statuses.get(command.invocation)
    if status is None:
        d.answer(NotFound(command.invocation))
        return
    signal = command.notification.signal
    repeated = isinstance(signal, int) and d.tables.journal_summary(command.invocation).arrived.has_signal(signal)
    if not repeated:
        notify(d, command.invocation, status, command.notification)
    d.answer(Done())
