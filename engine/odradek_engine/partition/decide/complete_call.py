"""`CompleteCall`: an invocation's result reaches a handler that called it or attached to it."""

from __future__ import annotations

from odradek.protocol.messages import (
    AttachInvocationCommand,
    AttachInvocationCompletion,
    GetInvocationOutputCommand,
    GetInvocationOutputCompletion,
    Notification,
)
from odradek_engine.model.commands import CompleteCall
from odradek_engine.partition.decide.decision import Decision
from odradek_engine.partition.decide.notifying import notify


def decide(d: Decision, command: CompleteCall) -> None:
    """The first result counts."""
    status = d.tables.statuses.get(command.invocation)
    if status is None:
        return
    summary = d.tables.journal_summary(command.invocation)
    completion = command.completion
    if summary.arrived.has_completion(completion.completion_id):
        return
    notification: Notification = completion
    match summary.open.get(completion.completion_id):
        case AttachInvocationCommand():
            notification = AttachInvocationCompletion(completion.completion_id, completion.value, completion.failure)
        case GetInvocationOutputCommand():
            notification = GetInvocationOutputCompletion(completion.completion_id, completion.value, completion.failure)
    notify(d, command.invocation, status, notification)
