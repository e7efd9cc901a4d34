"""Calls and sends to other handlers."""

from __future__ import annotations

from typing import NamedTuple

from odradek.protocol.messages import CallCommand, Header, OneWayCallCommand
from odradek.vm.machine import Machine


class Outgoing(NamedTuple):
    """What is asked of whom; `key` is empty for services without keys."""

    service: str
    handler: str
    key: str
    parameter: bytes
    headers: tuple[Header, ...]
    idempotency_key: str | None
    scope: str | None = None
    limit_key: str | None = None


class CallIds(NamedTuple):
    """The two completions of a call."""

    invocation_id: int
    result: int


def call(machine: Machine, request: Outgoing) -> CallIds:
    """Calls; a cancellation of this invocation reaches the child for as long as its result is not there."""
    ids = CallIds(machine.new_completion_id(), machine.new_completion_id())
    service, handler, key, parameter, headers, idempotency_key, scope, limit_key = request
    command = CallCommand(
        service, handler, parameter, headers, key, idempotency_key, *ids, scope=scope, limit_key=limit_key
    )
    machine.issue(command)
    machine.arrivals.children[ids.result] = ids.invocation_id
    return ids


def send(machine: Machine, request: Outgoing, invoke_time_ms: int) -> int:
    """Sends, to start at `invoke_time_ms` since the epoch (0: now); returns the completion id of the child's id."""
    number = machine.new_completion_id()
    service, handler, key, parameter, headers, idempotency_key, scope, limit_key = request
    command = OneWayCallCommand(
        service,
        handler,
        parameter,
        invoke_time_ms,
        headers,
        key,
        idempotency_key,
        number,
        scope=scope,
        limit_key=limit_key,
    )
    machine.issue(command)
    return number
