"""The model of the registry topic: what the leader of partition 0 decides, copied to a compacted topic.

The values of one key are changed by the journal (a list that only grows, its own part shows that). Each change is
copied with (epoch, index); copies may land late, from a leader that was succeeded, and compaction keeps the last copy
in the topic, whatever it says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from model_part import Part, PlantedBug
from state_search import Step

NEWEST = "who reads the registry's topic knows its newest value"
FORWARD = "who reads along never goes back"
REAL = "the registry's topic holds only values of the journal"


@dataclass(frozen=True)
class Rules:
    """What the leader and the readers of the registry keep to."""

    change_is_copied_behind_acknowledgement: bool = True
    readers_drop_older_copies: bool = True
    new_leader_copies_again: bool = True
    leader_copies_again_above_an_older_copy: bool = True


@dataclass(frozen=True)
class Bounds:
    """How much may happen."""

    changes: int = 2
    leaders: int = 2


class Change(NamedTuple):
    """A value of the key: later ones are greater."""

    epoch: int
    index: int


class State(NamedTuple):
    """`decided`: the change that the leader has under way. `seen`: how far the leader has read the topic.

    `reader`: what somebody knows who reads along.
    """

    journal: tuple[Change, ...] = ()
    decided: tuple[Change, ...] = ()
    epoch: int = 1
    copied: Change = Change(0, 0)
    on_the_way: tuple[Change, ...] = ()
    topic: tuple[Change, ...] = ()
    seen: int = 0
    read: int = 0
    reader: Change = Change(0, 0)
    changes: int = 0
    went_back: bool = False


@dataclass(frozen=True)
class RegistryPart:
    """One key."""

    rules: Rules
    bounds: Bounds

    def initial(self) -> State:
        return State()

    def canonical(self, state: State) -> State:
        return state

    def steps(self, state: State) -> Iterator[tuple[Step, State]]:
        yield from self._leader_steps(state)
        for at, change in enumerate(state.on_the_way):
            rest = state.on_the_way[:at] + state.on_the_way[at + 1 :]
            yield ("copy_lands", *change), state._replace(topic=(*state.topic, change), on_the_way=rest)
        if state.read < len(state.topic):
            change = state.topic[state.read]
            known = max(state.reader, change) if self.rules.readers_drop_older_copies else change
            after = state._replace(read=state.read + 1, reader=known, went_back=known < state.reader)
            yield ("reader_reads", *change), after

    def _leader_steps(self, state: State) -> Iterator[tuple[Step, State]]:
        newest = state.journal[-1] if state.journal else Change(0, 0)
        if state.changes < self.bounds.changes and not state.decided:
            change = Change(state.epoch, state.changes + 1)
            after = state._replace(decided=(change,), changes=state.changes + 1)
            if not self.rules.change_is_copied_behind_acknowledgement:
                after = after._replace(on_the_way=(*state.on_the_way, change), copied=change)
            yield ("decides_change", *change), after
        if state.decided:
            yield ("journal_acknowledges",), state._replace(journal=(*state.journal, state.decided[0]), decided=())
        if newest > state.copied:
            yield ("copies", *newest), state._replace(on_the_way=(*state.on_the_way, newest), copied=newest)
        if state.seen < len(state.topic):
            older = state.topic[state.seen] < newest
            again = older and state.copied == newest and self.rules.leader_copies_again_above_an_older_copy
            copied = Change(0, 0) if again else state.copied
            yield ("leader_reads_topic", *state.topic[state.seen]), state._replace(seen=state.seen + 1, copied=copied)
        if state.epoch < self.bounds.leaders:
            copied = Change(0, 0) if self.rules.new_leader_copies_again else newest
            after = state._replace(epoch=state.epoch + 1, decided=(), copied=copied, seen=0)
            yield ("fails_over",), after

    def broken(self, state: State) -> str | None:
        if state.went_back:
            return FORWARD
        if not set(state.topic) <= {*state.journal, *state.decided}:
            return REAL
        newest = state.journal[-1] if state.journal else Change(0, 0)
        at_rest = not state.on_the_way and state.copied == newest and state.seen == len(state.topic)
        if not at_rest or not state.journal:
            return None
        compacted = state.topic[-1] if state.topic else Change(0, 0)
        if compacted != newest or (state.read == len(state.topic) and state.reader != newest):
            return NEWEST
        return None


USUAL = Bounds()

REGISTRY = Part(
    name="registry topic",
    model=RegistryPart,
    rules=Rules(),
    quick=(USUAL,),
    full=(Bounds(changes=3, leaders=2),),
    planted=(
        PlantedBug("change_is_copied_behind_acknowledgement", USUAL, REAL),
        PlantedBug("readers_drop_older_copies", USUAL, FORWARD),
        PlantedBug("new_leader_copies_again", USUAL, NEWEST),
        PlantedBug("leader_copies_again_above_an_older_copy", USUAL, NEWEST),
    ),
)
