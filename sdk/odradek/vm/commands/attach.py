"""Results of invocations that somebody else began."""

from __future__ import annotations

from odradek.protocol.messages import AttachInvocationCommand, InvocationName
from odradek.vm.machine import Machine


def attach(machine: Machine, invocation: InvocationName) -> int:
    """Waits for the result; returns the id of its completion."""
    number = machine.new_completion_id()
    machine.issue(AttachInvocationCommand(invocation, number))
    return number
