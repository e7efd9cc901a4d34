"""`Call` and `OneWayCall`: a child invocation, with and without a way back for its result."""

from __future__ import annotations

from odradek.protocol.ids import format_invocation_id, partition_key_of
from odradek.protocol.messages import (
    CallCommand,
    CallInvocationIdCompletion,
    InputCommand,
    OneWayCallCommand,
)
from odradek_engine.model.commands import Invoke
from odradek_engine.model.registry import HandlerSchema
from odradek_engine.model.rows import Caller, Invocation, Source, SourceKind
from odradek_engine.model.target import Target, TargetKind
from odradek_engine.partition.decide.stretch import Stretch
from odradek_engine.partition.routing import CHILDREN_AT_HOME, new_invocation_id


def call(stretch: Stretch, command: CallCommand) -> None:
    """The child's result comes back as a completion."""
    _invoke_child(stretch, command, Caller(stretch.invocation.id, command.result_completion_id), 0)


def one_way_call(stretch: Stretch, command: OneWayCallCommand) -> None:
    """The child goes its own way, perhaps later."""
    _invoke_child(stretch, command, None, command.invoke_time)


def _invoke_child(
    stretch: Stretch, command: CallCommand | OneWayCallCommand, caller: Caller | None, execution_time: int
) -> None:
    handler = _resolve(stretch, command)
    target = Target(handler.kind, command.service_name, command.handler_name, command.key)
    parent = stretch.invocation
    idempotency_key = None if handler.kind is TargetKind.WORKFLOW_RUN else command.idempotency_key
    stay = stretch.summary.unkeyed_children < CHILDREN_AT_HOME
    child_id = new_invocation_id(
        target,
        idempotency_key,
        stretch.d.surroundings.random_bytes(16),
        home=partition_key_of(parent.id) if stay else None,
    )
    stretch.append(command)
    stretch.notify(CallInvocationIdCompletion(command.invocation_id_notification_idx, format_invocation_id(child_id)))
    child = Invocation(
        child_id,
        target,
        stretch.d.now,
        Source(SourceKind.SERVICE, parent.id, parent.target),
        idempotency_key,
        caller,
        execution_time,
        *handler.retentions(idempotency_key),
    )
    stretch.d.send(child_id, Invoke(child, InputCommand(command.headers, command.parameter)))


def _resolve(stretch: Stretch, command: CallCommand | OneWayCallCommand) -> HandlerSchema:
    handler = stretch.d.schema.handler(command.service_name, command.handler_name)
    if handler is None:
        name = f"{command.service_name}/{command.handler_name}"
        raise stretch.broken(command, "RT0018", f"the service handler {name} was not found")
    if command.key and not Target(handler.kind, "", "").keyed:
        raise stretch.broken(command, "RT0017", f"{command.service_name} is a service and takes no key")
    if command.scope is not None or command.limit_key is not None:
        raise stretch.broken(command, "RT0024", "scopes and limit keys are not supported")
    if command.idempotency_key == "":
        raise stretch.broken(command, "RT0017", "the idempotency key is empty")
    return handler
