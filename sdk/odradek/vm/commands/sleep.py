"""Durable timers."""

from __future__ import annotations

from odradek.protocol.messages import SleepCommand
from odradek.vm.machine import Machine


def sleep(machine: Machine, wake_up_time_ms: int, name: str) -> int:
    """Arms a timer; returns the id of its completion. A replay keeps the stored time."""
    number = machine.new_completion_id()
    machine.issue(SleepCommand(wake_up_time_ms, number, name))
    return number
