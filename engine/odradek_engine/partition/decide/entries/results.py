"""`AttachInvocation` and `GetInvocationOutput`: the result of an invocation that somebody else began."""

from __future__ import annotations

from odradek.protocol.ids import MalformedId, parse_invocation_id
from odradek.protocol.messages import (
    AttachInvocationCommand,
    GetInvocationOutputCommand,
    IdempotentRequestTarget,
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
    invocation = _find(stretch, command)
    stretch.append(command)
    caller = Caller(stretch.invocation.id, command.result_completion_id)
    stretch.d.send(invocation, AskResult(invocation, caller, wait))


def _find(stretch: Stretch, command: AttachInvocationCommand | GetInvocationOutputCommand) -> bytes:
    match command.target:
        case WorkflowTarget(workflow, key):
            return workflow_run_id(workflow, key)
        case IdempotentRequestTarget(service, service_key, handler, idempotency_key):
            return idempotent_id(service, service_key, handler, idempotency_key)
        case text:
            try:
                return parse_invocation_id(text)
            except MalformedId:
                raise stretch.broken(command, "RT0017", f"'{text}' is no invocation id") from None
