"""An operator's edit of a state takes effect whole, once, in its turn, and only on the state that it is meant for."""

from __future__ import annotations

from collections.abc import Mapping

from odradek.json_codec import encode
from odradek_engine.model import events as e
from odradek_engine.model.outcomes import AnyOutcome, Done
from odradek_engine.model.rows import StateEdit
from odradek_engine.partition.decide.edit_state import state_version
from simulation.checkers.port import Checker, Handle, Watched
from simulation.history import Moment, ObjectKey
from simulation.plan import Request
from simulation.reading import StateRead

State = Mapping[bytes, bytes]


class StateEdits(Checker):
    """Knows what edits were asked for, and what each must leave behind."""

    name = "state edits"

    def __init__(self, run: Watched) -> None:
        super().__init__(run)
        self._asked: dict[ObjectKey, list[State]] = {}
        self._taken: dict[bytes, None] = {}
        """Values that edits have brought; each edit has its own."""
        self._part = -1
        self._due: dict[ObjectKey, State] = {}
        """What the command at hand must leave, where an edit's turn came in it."""
        self._unlocked: dict[ObjectKey, None] = {}
        """Changed in it while nobody held the object."""

    def handles(self) -> Mapping[type, Handle]:
        return {e.InboxPushed: self._pushed, e.InboxRemoved: self._removed, e.StateChanged: self._changed}

    def asked(self, request: Request, invocation: bytes) -> None:
        if request.kind == "edit":
            states = self._asked.setdefault((request.service, request.key), [])
            state = _state(request)
            if state not in states:
                states.append(state)

    def _pushed(self, event: e.InboxPushed, moment: Moment) -> None:
        self._look_back(moment)
        if event.entry.edit is not None:
            self._take(event.entry.edit.state)

    def _removed(self, event: e.InboxRemoved, moment: Moment) -> None:
        self._look_back(moment)
        edit = self.history.edits.get((event.service, event.key, event.sequence))
        if edit is None:
            return
        place = (event.service, event.key)
        self._check(place)
        waiting = [number for service, key, number in self.history.edits if (service, key) == place]
        if event.sequence != min(waiting):
            self.violated(f"edit {event.sequence} of {place} comes before {min(waiting)}")
        lock = self.history.locks.get(place)
        holder = None if lock is None else self.history.invocations.get(lock.holder)
        if holder is not None and not holder.ended:
            self.violated(f"{place} is edited at {moment.partition}/{moment.offset} while {lock} holds")
        self._due[place] = _after(edit, self.history.state.get(place, {}))

    def _changed(self, event: e.StateChanged, moment: Moment) -> None:
        self._look_back(moment)
        self._take({name: value for name, value in event.values.items() if value is not None})
        place = (event.service, event.key)
        if place not in self.history.locks and place in self._asked and place not in self._due:
            self._unlocked[place] = None

    def _take(self, state: State) -> None:
        self._taken.update(dict.fromkeys(state.values()))

    def _look_back(self, moment: Moment) -> None:
        if moment.part == self._part:
            return
        self._part = moment.part
        for place in list(self._due):
            self._check(place)
        for place in self._unlocked:
            state = self.history.state.get(place, {})
            if state and state not in self._asked[place]:
                self.violated(f"{place} is {state} after an edit, asked for was one of {self._asked[place]}")
        self._unlocked.clear()

    def _check(self, place: ObjectKey) -> None:
        due = self._due.pop(place, None)
        state = self.history.state.get(place, {})
        if due is not None and due != state:
            self.violated(f"{place} is {state} after an edit, and was to be {due}")

    def replied(self, request: Request, invocation: bytes, outcome: AnyOutcome | StateRead) -> None:
        if request.kind != "edit" or not isinstance(outcome, Done) or request.body["of"] != "any":
            return
        lost = [value for value in _state(request).values() if value not in self._taken]
        if lost:
            self.violated(f"request {request.number} was told that its edit is done, and no journal has {lost}")


def _state(request: Request) -> dict[bytes, bytes]:
    return {name.encode(): encode(value) for name, value in request.body["state"].items()}


def _after(edit: StateEdit, state: State) -> State:
    return edit.state if edit.version is None or edit.version == state_version(state) else dict(state)
