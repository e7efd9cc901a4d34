"""Bugs that the simulation has found in the engine, planted again. Each has a plan, cut down to what it takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec

from odradek_engine.model.rows import Invocation
from odradek_engine.node.upkeep import Upkeep
from odradek_engine.partition.decide import starting
from odradek_engine.partition.decide.decision import Decision
from odradek_engine.partition.machine import Machine
from odradek_engine.replica.processor import Processor
from odradek_engine.store.port import StoreError
from simulation.mutants.plant import Mutant, Plant
from simulation.plan import Plan

PLANS: Final = Path(__file__).resolve().parents[2] / "seeds" / "plans"


def plan_of(bug: Mutant) -> Plan:
    """The plan that finds a bug."""
    return msgspec.json.decode((PLANS / f"{bug.__name__}.json").read_bytes(), type=Plan)


def a_bad_disk_is_the_command_s_fault(plant: Plant) -> None:
    def blaming(decide: Any) -> Any:
        def decide_or_reject(machine: Any, command: Any, now: int) -> Any:
            try:
                return decide(machine, command, now)
            except StoreError as error:
                return machine.reject(command, now, error)

        return decide_or_reject

    plant.around(Machine, "decide", blaming)


def timers_keep_to_the_clock_as_it_was(plant: Plant) -> None:
    plant.put(Upkeep, "_look_at_clock", lambda _upkeep: None)


def attempts_of_a_forgotten_life_are_heard(plant: Plant) -> None:
    plant.put(starting.__dict__, "_attempts_before", lambda _decision, _invocation: 0)


def what_a_deposed_leader_was_told_is_lost(plant: Plant) -> None:
    plant.put(Processor, "send_again", lambda _processor, _target: None)


def time_since_an_entry_is_negative(plant: Plant) -> None:
    def since(d: Decision, invocation: Invocation) -> int:
        return d.now - d.tables.journal.rows(invocation.id)[-1][1].appended_at

    plant.put(starting.__dict__, "_since_stored_entry", since)


MUTANTS: Final[tuple[Mutant, ...]] = (
    a_bad_disk_is_the_command_s_fault,
    timers_keep_to_the_clock_as_it_was,
    attempts_of_a_forgotten_life_are_heard,
    what_a_deposed_leader_was_told_is_lost,
    time_since_an_entry_is_negative,
)
