"""The outcome of an invocation: an output command, then the end."""

from __future__ import annotations

from odradek.protocol.messages import Failure, OutputCommand
from odradek.vm.machine import Machine


def finish(machine: Machine, value: bytes | None, failure: Failure | None = None) -> None:
    """Completes the invocation with a value or a terminal failure."""
    machine.issue(OutputCommand(value, failure))
    machine.end()
