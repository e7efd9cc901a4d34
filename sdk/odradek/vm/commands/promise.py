"""Durable promises of a workflow: awaited, read as they are, completed. The engine answers each with a completion."""

from __future__ import annotations

from odradek.protocol.messages import CompletePromiseCommand, Failure, GetPromiseCommand, PeekPromiseCommand
from odradek.vm.machine import Machine


def get(machine: Machine, name: str) -> int:
    """Awaits a promise; returns the id of its completion."""
    number = machine.new_completion_id()
    machine.issue(GetPromiseCommand(name, number))
    return number


def peek(machine: Machine, name: str) -> int:
    """Reads a promise as it is; returns the id of the completion, which is void while the promise is open."""
    number = machine.new_completion_id()
    machine.issue(PeekPromiseCommand(name, number))
    return number


def complete(machine: Machine, name: str, value: bytes | None, failure: Failure | None) -> int:
    """Resolves (a value) or rejects (a failure) a promise; the completion tells whether somebody did before."""
    number = machine.new_completion_id()
    machine.issue(CompletePromiseCommand(name, number, value, failure))
    return number
