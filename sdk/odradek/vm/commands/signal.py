"""Named signals: what others send to an invocation by its id and a name. Waiting for one writes no journal entry."""

from __future__ import annotations

from odradek.protocol.messages import Failure, SendSignalCommand
from odradek.vm.machine import Machine


def send(machine: Machine, invocation_id: str, name: str, value: bytes | None, failure: Failure | None) -> None:
    """Sends a value or a failure to an invocation."""
    machine.issue(SendSignalCommand(invocation_id, name, value, failure))
