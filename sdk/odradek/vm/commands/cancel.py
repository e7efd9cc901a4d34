"""Cancellation, both ways: asking another invocation to cancel itself, and being asked.

A cancellation ends the await that meets it. Before that it is passed on to every called child that has not answered,
which needs the children's invocation ids: until they are there, the await goes on for them alone.
"""

from __future__ import annotations

from odradek.protocol.messages import CANCEL_SIGNAL, CallInvocationIdCompletion, SendSignalCommand
from odradek.vm.machine import Machine
from odradek.vm.waiting import Wait


def cancel(machine: Machine, invocation_id: str) -> None:
    """Sends the cancel signal to an invocation."""
    machine.issue(SendSignalCommand(invocation_id, CANCEL_SIGNAL))


def poll(machine: Machine, wait: Wait) -> bool:
    """True when the wait is over; `wait.cancelled` tells whether by a cancellation, which has then been passed on."""
    arrivals = machine.arrivals
    if not arrivals.advance(wait):
        return False
    if wait.cancelled:
        for key in arrivals.take_cancellation():
            answer = arrivals.results[key]
            assert isinstance(answer, CallInvocationIdCompletion)
            cancel(machine, answer.invocation_id)
    return True
