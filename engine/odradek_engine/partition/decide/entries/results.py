"""`AttachInvocation` and `GetInvocationOutput`: the result of an invocation that somebody else began."""

from __future__ import annotations

from odradek.protocol.ids import MalformedId, parse_invocation_id
from odradek.protocol.messages import (
    AttachInvocationCommand,
    GetInvocationOutputCommand,
    IdempotentRequestTarget,
    InvocationName,
    WorkflowTarget,
)
from odradek_engine.model.commands import AskResult
from odradek_engine.model.rows import Caller
from odradek_engine.partition.decide.stretch import Stretch
from odradek_engine.partition.routing import idempotent_id, workflow_run_id


def attach_invocation(stretch: Stretch, command: AttachInvocationCommand) -> None:
    """The result comes when it is there; a failure 404 where there is no such invocation."""
    _ask(stretch, command, wait=True)


def get_invocation_output(stretch: Stretch, command: GetInvocationOutputCommand) -> None:
    """The result as it is now, nothing where there is none yet."""
    _ask(stretch, command, wait=False)


def _ask(stretch: Stretch, command: AttachInvocationCommand | GetInvocationOutputCommand, *, wait: bool) -> None:
    try:
        invocation = asked_of(command.target)
    except MalformedId:
        raise stretch.broken(command, "RT0017", f"'{command.target}' is no invocation id") from None
    stretch.append(command)
    caller = Caller(stretch.invocation.id, command.result_completion_id)
    stretch.d.send(invocation, AskResult(invocation, caller, wait))


def asked_of(target: InvocationName) -> bytes:
    """The invocation that is meant. Raises `MalformedId`."""
    match target:
        case WorkflowTarget(workflow, key):
            return workflow_run_id(workflow, key)
        case IdempotentRequestTarget(service, service_key, handler, idempotency_key):
            return idempotent_id(service, service_key, handler, idempotency_key)
        case text:
            return parse_invocation_id(text)
