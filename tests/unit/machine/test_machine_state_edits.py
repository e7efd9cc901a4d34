"""An operator's edits of an object's state: they take their turn, and mind the version that they are meant for."""

from __future__ import annotations

import pytest

from machine_world import World, add, service
from odradek.protocol.messages import End, OutputCommand, SetStateCommand
from odradek_engine.model import commands as c
from odradek_engine.model import outcomes as o
from odradek_engine.model.rows import Phase, StateEdit
from odradek_engine.partition.decide.edit_state import state_version

EMPTY = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
"""What clients send for an empty state."""
DONE = OutputCommand(b"out")


def edit(key: str = "a", version: str | None = None, **state: bytes) -> c.EditState:
    return c.EditState("Counter", key, StateEdit({name.encode(): value for name, value in state.items()}, version))


def state(world: World) -> dict[bytes, bytes]:
    return {name: value for _, name, value in world.rows().get("state", [])}


def test_a_free_object_gets_its_new_state_at_once() -> None:
    world = World()
    assert world.ask(edit(m=b"1", n=b"2")) == o.Done()
    assert state(world) == {b"m": b"1", b"n": b"2"}
    world.decide(edit(n=b"3", o=b"4"))
    assert state(world) == {b"n": b"3", b"o": b"4"}
    world.decide(edit())
    assert world.rows() == {}


def test_an_edit_of_nothing_is_no_event() -> None:
    world = World()
    assert world.ask(edit()) == o.Done()
    assert world.events == []


def test_an_edit_waits_behind_the_holder_and_before_who_comes_later() -> None:
    world = World()
    first = world.invoke(add())
    assert world.ask(edit(m=b"1")) == o.Done()
    later = world.invoke(add())
    world.decide(edit(o=b"5"))
    world.say(first, SetStateCommand(b"n", b"9"))
    assert state(world) == {b"n": b"9"}
    world.restart()
    world.say(first, DONE, End())
    assert state(world) == {b"m": b"1"}
    assert world.status(later).phase is Phase.INVOKED
    world.say(later, SetStateCommand(b"n", b"2"), DONE, End())
    assert state(world) == {b"o": b"5"}
    assert set(world.rows()) & {"locks", "inbox"} == set()


def test_edits_that_wait_are_done_when_the_holder_is_killed() -> None:
    world = World()
    first = world.invoke(add())
    world.decide(edit(m=b"1"))
    world.decide(edit(m=b"2"))
    world.decide(c.Kill(first.id))
    assert state(world) == {b"m": b"2"}
    assert set(world.rows()) & {"locks", "inbox"} == set()


def test_other_keys_do_not_wait() -> None:
    world = World()
    world.invoke(service())
    world.invoke(add("b"))
    world.decide(edit(m=b"1"))
    assert state(world) == {b"m": b"1"}


def test_an_edit_of_another_version_does_nothing() -> None:
    world = World()
    world.decide(edit(version=EMPTY, m=b"1"))
    assert state(world) == {b"m": b"1"}
    assert world.ask(edit(version=EMPTY, m=b"2")) == o.Done()
    assert state(world) == {b"m": b"1"}
    world.decide(edit(version=state_version({b"m": b"1"}), m=b"3"))
    assert state(world) == {b"m": b"3"}


def test_the_version_counts_when_its_turn_has_come() -> None:
    world = World()
    first = world.invoke(add())
    world.decide(edit(version=EMPTY, m=b"1"))
    world.say(first, SetStateCommand(b"n", b"9"), DONE, End())
    assert state(world) == {b"n": b"9"}


@pytest.mark.parametrize(
    ("state", "version"),
    [
        ({}, EMPTY),
        ({b"b": b"2", b"a": b"1"}, state_version({b"a": b"1", b"b": b"2"})),
    ],
)
def test_versions_of_states(state: dict[bytes, bytes], version: str) -> None:
    assert state_version(state) == version
