"""Bugs in what operators ask for: edits of state, restarts, deployments."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from odradek_engine.model import commands as c
from odradek_engine.model.outcomes import Done
from odradek_engine.model.rows import StateEdit
from odradek_engine.partition import keys, machine
from odradek_engine.partition.decide import deployments, edit_state, restart, starting
from odradek_engine.partition.decide.decision import Decision
from simulation.mutants.plant import Mutant, Plant


def an_edit_does_not_wait_for_its_turn(plant: Plant) -> None:
    def at_once(d: Decision, command: c.EditState) -> None:
        edit_state.replace_state(d, command.service, command.key, command.edit)
        d.answer(Done())

    plant.put(machine._DECIDE, c.EditState, at_once)  # type: ignore[arg-type]


def an_edit_keeps_what_it_does_not_name(plant: Plant) -> None:
    def merged(replace_state: Any) -> Any:
        def merge(d: Decision, service: str, key: str, edit: StateEdit) -> None:
            known = dict(d.tables.state.rows(keys.object_key(service, key)))
            replace_state(d, service, key, replace(edit, state=known | edit.state))

        return merge

    for module in (edit_state, starting):
        plant.around(module.__dict__, "replace_state", merged)


def an_edit_of_another_version_is_done(plant: Plant) -> None:
    def any_version(replace_state: Any) -> Any:
        return lambda d, service, key, edit: replace_state(d, service, key, replace(edit, version=None))

    for module in (edit_state, starting):
        plant.around(module.__dict__, "replace_state", any_version)


def an_edit_that_waits_is_lost(plant: Plant) -> None:
    plant.put(starting.__dict__, "replace_state", lambda *_: None)


def a_restart_lacks_late_results(plant: Plant) -> None:
    def cut(prefix: Any) -> Any:
        def kept(journal: Any, last_index: int) -> Any:
            return None if prefix(journal, last_index) is None else journal[: last_index + 1]

        return kept

    plant.around(restart.__dict__, "_prefix", cut)


def a_restart_answers_with_the_old_id(plant: Plant) -> None:
    def as_before(anew: Any) -> Any:
        return lambda d, before, seed: replace(anew(d, before, seed), id=before.id)

    plant.around(restart.__dict__, "_anew", as_before)


def journals_go_on_anywhere(plant: Plant) -> None:
    def unbound(on_deployment: Any) -> Any:
        return lambda d, invocation, status: on_deployment(d, invocation, replace(status, pinned=False))

    plant.around(starting.__dict__, "on_deployment", unbound)


def a_node_that_starts_takes_services_over(plant: Plant) -> None:
    plant.put(deployments.__dict__, "_stays", lambda *_: False)


MUTANTS: Final[tuple[Mutant, ...]] = (
    an_edit_does_not_wait_for_its_turn,
    an_edit_keeps_what_it_does_not_name,
    an_edit_of_another_version_is_done,
    an_edit_that_waits_is_lost,
    a_restart_lacks_late_results,
    a_restart_answers_with_the_old_id,
    journals_go_on_anywhere,
    a_node_that_starts_takes_services_over,
)
