"""`CompleteCall`: an invocation's result reaches a handler that called it or attached to it.

It may come late, for a life of its caller that was killed or purged, when the same id lives again: it counts only where
just this result is waited for.
"""

from __future__ import annotations

from odradek.protocol.ids import format_invocation_id
from odradek.protocol.messages import (
    AttachInvocationCommand,
    AttachInvocationCompletion,
    CallCommand,
    GetInvocationOutputCommand,
    GetInvocationOutputCompletion,
    Notification,
)
from odradek_engine.model.commands import CompleteCall
from odradek_engine.partition.decide.decision import Decision
from odradek_engine.partition.decide.entries.results import asked_of
from odradek_engine.partition.decide.notifying import notify
from odradek_engine.partition.journal_summary import JournalSummary


def decide(d: Decision, command: CompleteCall) -> None:
    """The first result counts."""
    status = d.tables.statuses.get(command.invocation)
    if status is None:
        return
    notification = _awaited(d.tables.journal_summary(command.invocation), command)
    if notification is not None:
        notify(d, command.invocation, status, notification)


def _awaited(summary: JournalSummary, command: CompleteCall) -> Notification | None:
    completion = command.completion
    number, value, failure = completion.completion_id, completion.value, completion.failure
    match summary.open.get(number):
        case CallCommand(invocation_id_notification_idx=told_by):
            child = summary.children.get(told_by)
            return completion if command.callee is None or child == format_invocation_id(command.callee) else None
        case AttachInvocationCommand(target=target) if command.callee in (None, asked_of(target)):
            return AttachInvocationCompletion(number, value, failure)
        case GetInvocationOutputCommand(target=target) if command.callee in (None, asked_of(target)):
            return GetInvocationOutputCompletion(number, value, failure)
    return None
