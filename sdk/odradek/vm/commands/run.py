"""Run blocks: a command when the block is declared, a proposal when its action has a result.

The result counts only once the engine has acknowledged the proposal.
"""

from __future__ import annotations

from dataclasses import dataclass

from odradek.protocol.messages import Failure, ProposeRunCompletion, RunCommand
from odradek.vm.machine import Machine


def begin(machine: Machine, name: str) -> int:
    """Declares a run block; returns the id of its completion."""
    number = machine.new_completion_id()
    machine.issue(RunCommand(number, name))
    return number


def propose(machine: Machine, number: int, value: bytes | None, failure: Failure | None) -> None:
    """Offers the result of a run block to the journal."""
    proposal = ProposeRunCompletion(number, value, failure)
    machine.proposals[number] = proposal
    machine.outbox.append(proposal)


@dataclass(frozen=True, slots=True)
class EarlierFailures:
    """How often, and for how many ms, the block that is about to run has failed in attempts before this one."""

    count: int = 0
    duration_ms: int = 0


_NONE = EarlierFailures()


def earlier_failures(machine: Machine) -> EarlierFailures:
    """What the engine counted since the last stored entry; it concerns only the block that the replay ended with."""
    start = machine.start
    if machine.progressed or not start.retry_count_since_last_stored_entry:
        return _NONE
    return EarlierFailures(start.retry_count_since_last_stored_entry, start.duration_since_last_stored_entry)
