"""State of an object: reads answered from the start message where it knows the key, own writes seen at once.

The start message's map is never changed (in the same process it is the engine's); writes lie above it.
"""

from __future__ import annotations

from typing import NamedTuple

from odradek.protocol.messages import (
    ClearAllStateCommand,
    ClearStateCommand,
    GetEagerStateCommand,
    GetEagerStateKeysCommand,
    GetLazyStateCommand,
    GetLazyStateKeysCommand,
    SetStateCommand,
)
from odradek.vm.machine import Machine


class StateRead(NamedTuple):
    """A value that is known at once (`completion` 0, `value` None if the key is unset), or the id of its completion."""

    completion: int
    value: bytes | None = None


class KeysRead(NamedTuple):
    """Keys that are known at once (`completion` 0), or the id of their completion."""

    completion: int
    keys: tuple[bytes, ...] = ()


def get(machine: Machine, key: bytes, name: str) -> StateRead:
    """Reads one key. A replay reads it the way that was journaled, whatever this start message holds."""
    stored = machine.next_stored()
    if stored is None:
        known, value = _look_up(machine, key)
    elif isinstance(stored, GetEagerStateCommand):
        known, value = True, stored.value
    else:
        known, value = False, None
    if known:
        machine.issue(GetEagerStateCommand(key, value, name))
        return StateRead(0, value)
    number = machine.new_completion_id()
    machine.issue(GetLazyStateCommand(key, number, name))
    return StateRead(number)


def get_keys(machine: Machine, name: str) -> KeysRead:
    """Lists the keys that have a value, sorted if known at once."""
    stored = machine.next_stored()
    if isinstance(stored, GetEagerStateKeysCommand):
        keys = stored.keys
    elif stored is None and (machine.state_cleared or not machine.start.partial_state):
        keys = _known_keys(machine)
    else:
        number = machine.new_completion_id()
        machine.issue(GetLazyStateKeysCommand(number, name))
        return KeysRead(number)
    machine.issue(GetEagerStateKeysCommand(keys, name))
    return KeysRead(0, keys)


def put(machine: Machine, key: bytes, value: bytes, name: str) -> None:
    """Writes one key."""
    machine.issue(SetStateCommand(key, value, name))
    _writes(machine)[key] = value


def clear(machine: Machine, key: bytes, name: str) -> None:
    """Deletes one key."""
    machine.issue(ClearStateCommand(key, name))
    _writes(machine)[key] = None


def clear_all(machine: Machine, name: str) -> None:
    """Deletes all keys."""
    machine.issue(ClearAllStateCommand(name))
    machine.state_cleared = True
    machine.state_writes = None


def _writes(machine: Machine) -> dict[bytes, bytes | None]:
    writes = machine.state_writes
    if writes is None:
        writes = machine.state_writes = {}
    return writes


def _look_up(machine: Machine, key: bytes) -> tuple[bool, bytes | None]:
    """Whether the key's value is known here, and the value."""
    writes = machine.state_writes
    if writes is not None and key in writes:
        return True, writes[key]
    if machine.state_cleared:
        return True, None
    value = machine.start.state_map.get(key)
    return value is not None or not machine.start.partial_state, value


def _known_keys(machine: Machine) -> tuple[bytes, ...]:
    keys = set() if machine.state_cleared else set(machine.start.state_map)
    for key, value in (machine.state_writes or {}).items():
        if value is None:
            keys.discard(key)
        else:
            keys.add(key)
    return tuple(sorted(keys))
