"""Results of invocations that somebody else began."""

from __future__ import annotations

from odradek.protocol.messages import AttachInvocationCommand, GetInvocationOutputCommand, InvocationName
from odradek.vm.machine import Machine


def attach(machine: Machine, invocation: InvocationName) -> int:
    """Waits for the result; returns the id of its completion."""
    number = machine.new_completion_id()
    machine.issue(AttachInvocationCommand(invocation, number))
    return number


def output(machine: Machine, invocation: InvocationName) -> int:
    """Reads the result as it is; returns the id of its completion, which is void while there is no result."""
    number = machine.new_completion_id()
    machine.issue(GetInvocationOutputCommand(invocation, number))
    return number
