"""Awakeables: promises that someone outside completes by their id. Making one writes no journal entry."""

from __future__ import annotations

from odradek.protocol.future import NotificationKey
from odradek.protocol.ids import format_awakeable_id
from odradek.protocol.messages import CompleteAwakeableCommand, Failure
from odradek.vm.machine import Machine


def create(machine: Machine) -> tuple[str, NotificationKey]:
    """A new awakeable: its text id, and the key that it arrives under."""
    index = machine.new_signal_index()
    return format_awakeable_id(machine.start.id, index), -index


def complete(machine: Machine, awakeable_id: str, value: bytes | None, failure: Failure | None) -> None:
    """Resolves (a value) or rejects (a failure) an awakeable of any invocation."""
    machine.issue(CompleteAwakeableCommand(awakeable_id, value, failure))
