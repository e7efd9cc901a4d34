"""State commands: reads that the engine answers, writes that take effect with their journal entry."""

from __future__ import annotations

from odradek.protocol.messages import (
    ClearAllStateCommand,
    ClearStateCommand,
    Command,
    GetEagerStateCommand,
    GetEagerStateKeysCommand,
    GetLazyStateCommand,
    GetLazyStateCompletion,
    GetLazyStateKeysCommand,
    GetLazyStateKeysCompletion,
    SetStateCommand,
)
from odradek_engine.model.events import StateChanged
from odradek_engine.partition import keys
from odradek_engine.partition.decide.stretch import Stretch


def set_state(stretch: Stretch, command: SetStateCommand) -> None:
    """One value."""
    _write(stretch, command, {command.key: command.value})


def clear_state(stretch: Stretch, command: ClearStateCommand) -> None:
    """One value gone."""
    _write(stretch, command, {command.key: None})


def clear_all_state(stretch: Stretch, command: ClearAllStateCommand) -> None:
    """All values gone; the event names them."""
    _check_keyed(stretch, command)
    _write(stretch, command, {name: None for name, _ in stretch.d.tables.state.rows(_object(stretch))})


def get_lazy_state(stretch: Stretch, command: GetLazyStateCommand) -> None:
    """A value that was not sent with the start."""
    _check_keyed(stretch, command)
    stretch.append(command)
    value = stretch.d.tables.state.get(_object(stretch), command.key)
    stretch.notify(GetLazyStateCompletion(command.result_completion_id, value))


def get_lazy_state_keys(stretch: Stretch, command: GetLazyStateKeysCommand) -> None:
    """All names."""
    _check_keyed(stretch, command)
    stretch.append(command)
    names = tuple(name for name, _ in stretch.d.tables.state.rows(_object(stretch)))
    stretch.notify(GetLazyStateKeysCompletion(command.result_completion_id, names))


def get_eager_state(stretch: Stretch, command: GetEagerStateCommand | GetEagerStateKeysCommand) -> None:
    """A read that the handler answered from what came with the start."""
    _check_keyed(stretch, command)
    stretch.append(command)


def _write(stretch: Stretch, command: Command, values: dict[bytes, bytes | None]) -> None:
    _check_keyed(stretch, command)
    target = stretch.invocation.target
    if not target.writes_state:
        raise stretch.broken(command, "RT0017", f"the shared handler {target} may read state, not write it")
    stretch.append(command)
    stretch.d.emit(StateChanged(target.service, target.key, values))


def _check_keyed(stretch: Stretch, command: Command) -> None:
    target = stretch.invocation.target
    if not target.keyed:
        raise stretch.broken(command, "RT0017", f"{target} is a handler of a service, and services have no state")


def _object(stretch: Stretch) -> bytes:
    target = stretch.invocation.target
    return keys.object_key(target.service, target.key)
