"""I2: for a key, exclusive handlers never overlap in what they commit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, get_args

from odradek.protocol.messages import Command, InputCommand
from odradek_engine.model import events as e
from odradek_engine.model.target import TargetKind
from simulation.checkers.port import Checker, Handle, hexed
from simulation.history import Moment, ObjectKey

if TYPE_CHECKING:
    from simulation.world import World

_COMMANDS: Final = tuple(kind for kind in get_args(Command) if kind is not InputCommand)


class OneWriter(Checker):
    """Only who holds an object's lock adds commands to its journal, or changes the object's state."""

    name = "I2 one writer per key"

    def __init__(self, run: World) -> None:
        super().__init__(run)
        self._part = -1
        self._writers: list[bytes] = []
        """Who has said something in the command at hand."""
        self._changes: list[tuple[e.StateChanged, bytes]] = []
        """Changes of state in it, and who held the object."""
        self._edited: dict[ObjectKey, None] = {}
        """Objects whose next in turn was an operator's edit."""

    def handles(self) -> Mapping[type, Handle]:
        return {
            e.EntriesAppended: self._appended,
            e.StateChanged: self._changed,
            e.LockChanged: self._locked,
            e.InboxRemoved: self._removed,
        }

    def _appended(self, event: e.EntriesAppended, moment: Moment) -> None:
        known = self.history.invocations.get(event.invocation)
        if known is None or known.invocation.target.kind is not TargetKind.OBJECT_EXCLUSIVE:
            return
        if not any(isinstance(entry, _COMMANDS) for entry in event.entries):
            return
        target = known.invocation.target
        lock = self.history.locks.get((target.service, target.key))
        if lock is None or lock.holder != event.invocation:
            self.violated(f"{hexed(event.invocation)} writes at {moment.partition}/{moment.offset}, {lock} holds")
        self._look_back(moment)
        self._writers.append(event.invocation)

    def _look_back(self, moment: Moment) -> None:
        """A command's entries may stand before its changes of state, or behind them."""
        if self._part == moment.part:
            return
        for change, holder in self._changes:
            if holder not in self._writers:
                self.violated(f"state of {change.service}/{change.key} was changed by another than its holder")
        self._part = moment.part
        self._writers.clear()
        self._changes.clear()
        self._edited.clear()

    def _removed(self, event: e.InboxRemoved, moment: Moment) -> None:
        self._look_back(moment)
        if (event.service, event.key, event.sequence) in self.history.edits:
            self._edited[event.service, event.key] = None

    def _changed(self, event: e.StateChanged, moment: Moment) -> None:
        lock = self.history.locks.get((event.service, event.key))
        if lock is None:
            return  # a workflow's, which has no lock
        self._look_back(moment)
        if (event.service, event.key) not in self._edited:
            self._changes.append((event, lock.holder))

    def _locked(self, event: e.LockChanged, moment: Moment) -> None:
        lock = self.history.locks.get((event.service, event.key))
        if event.new and lock is not None:
            self.violated(f"{event.service}/{event.key} is taken at {moment.partition}/{moment.offset}, {lock} holds")
        if lock is None or event.lock is None or event.lock.holder == lock.holder:
            return
        holder = self.history.invocations.get(lock.holder)
        if holder is not None and not holder.ended:
            self.violated(f"{event.service}/{event.key} goes on at {moment.partition}/{moment.offset} while held")
