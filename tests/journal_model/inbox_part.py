"""The model of commands that reach a partition by two ways: into its leader's loop, or through its inbox topic.

The first leader is succeeded once. What it had decided lands in the journal before the newer announcement, and counts,
or not. Commands 1.. were given to it directly; the last one is forwarded by another node through the inbox topic, whose
producer may write it twice, and that node then asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from model_part import Part, PlantedBug
from state_search import Step

ONCE = "a command takes effect once"
NONE_LOST = "a command in the inbox takes effect"
HONEST = "unknown is not said of what is in the inbox"


@dataclass(frozen=True)
class Rules:
    """What leaders and forwarding nodes keep to."""

    inbox_commands_are_remembered: bool = True
    inbox_offset_is_of_the_same_record: bool = True
    deposed_leader_reads_newer_announcement_first: bool = True
    deposed_leader_hands_on_only_what_it_did_not_find: bool = True
    unknown_waits_for_the_offset_of_the_append: bool = True


@dataclass(frozen=True)
class Bounds:
    """How much may happen."""

    commands: int = 2
    doubles: int = 1
    crashes: int = 1


class State(NamedTuple):
    """`journal`: (command, came through the inbox). `decided`: records of the first leader under way.

    `consumed`: the inbox position of the leader; `stored` the one that it would begin from after a crash.
    """

    journal: tuple[tuple[int, bool], ...] = ()
    decided: tuple[int, ...] = ()
    given: int = 0
    succeeded: bool = False
    handed_on: bool = False
    on_the_way: tuple[int, ...] = ()
    inbox: tuple[int, ...] = ()
    consumed: int = 0
    stored: int = 0
    forwarded: bool = False
    answer: str = ""
    doubles: int = 0
    crashes: int = 0


@dataclass(frozen=True)
class InboxPart:
    """One partition over two terms."""

    rules: Rules
    bounds: Bounds

    def initial(self) -> State:
        return State()

    def canonical(self, state: State) -> State:
        return state

    def steps(self, state: State) -> Iterator[tuple[Step, State]]:
        yield from self._first_leader(state)
        yield from self._forwarding(state)
        yield from self._inbox(state)

    def _first_leader(self, state: State) -> Iterator[tuple[Step, State]]:
        """It decides what it is given; when it was succeeded, it hands on what it did not get into the journal."""
        if not state.succeeded:
            if state.given < self.bounds.commands - 1:
                command = state.given + 1
                yield ("decides", command), state._replace(given=command, decided=(*state.decided, command))
            if state.decided:
                journal = (*state.journal, (state.decided[0], False))
                yield ("journal_takes", state.decided[0]), state._replace(journal=journal, decided=state.decided[1:])
            yield ("newer_announcement_lands",), state._replace(succeeded=True)
        knows = state.succeeded or not self.rules.deposed_leader_reads_newer_announcement_first
        if knows and not state.handed_on and state.given:
            found = {command for command, _ in state.journal}
            if not self.rules.deposed_leader_hands_on_only_what_it_did_not_find:
                found = set()
            unanswered = tuple(command for command in range(1, state.given + 1) if command not in found)
            on_the_way = state.on_the_way + unanswered
            yield ("hands_on", *unanswered), state._replace(on_the_way=on_the_way, handed_on=True)

    def _forwarding(self, state: State) -> Iterator[tuple[Step, State]]:
        """Another node puts a command into the inbox, and asks the leader for it when it is there."""
        command = self.bounds.commands
        if not state.forwarded:
            on_the_way = (*state.on_the_way, command)
            yield ("forwards", command), state._replace(forwarded=True, on_the_way=on_the_way)
        if command in state.inbox and not state.answer:
            known = any(each == command for each, _ in state.journal)
            behind = state.consumed > state.inbox.index(command)
            if known:
                yield ("answers", command), state._replace(answer="known")
            elif behind or not self.rules.unknown_waits_for_the_offset_of_the_append:
                yield ("answers_that_it_is_unknown", command), state._replace(answer="unknown")

    def _inbox(self, state: State) -> Iterator[tuple[Step, State]]:
        for at, command in enumerate(state.on_the_way):
            rest = state.on_the_way[:at] + state.on_the_way[at + 1 :]
            inbox = (*state.inbox, command)
            yield ("lands_in_inbox", command), state._replace(inbox=inbox, on_the_way=rest)
            if state.doubles < self.bounds.doubles:
                doubled = state._replace(inbox=inbox, doubles=state.doubles + 1)
                yield ("lands_in_inbox_and_will_again", command), doubled
        if state.consumed < len(state.inbox):
            command = state.inbox[state.consumed]
            consumed = state.consumed + 1
            repeated = (command, True) in state.journal and self.rules.inbox_commands_are_remembered
            journal = state.journal if repeated else (*state.journal, (command, True))
            stored = consumed if self.rules.inbox_offset_is_of_the_same_record else state.stored
            yield ("takes_from_inbox", command), state._replace(journal=journal, consumed=consumed, stored=stored)
        if not self.rules.inbox_offset_is_of_the_same_record and state.stored < len(state.inbox):
            yield ("stores_an_inbox_position_ahead",), state._replace(stored=state.stored + 1)
        if state.crashes < self.bounds.crashes and state.consumed != state.stored:
            yield ("crashes",), state._replace(consumed=state.stored, crashes=state.crashes + 1)

    def broken(self, state: State) -> str | None:
        commands = [command for command, _ in state.journal]
        if len(commands) != len(set(commands)):
            return ONCE
        if state.answer == "unknown":
            return HONEST
        if state.consumed == len(state.inbox) and not set(state.inbox) <= set(commands):
            return NONE_LOST
        return None


USUAL = Bounds()

INBOX = Part(
    name="commands through the inbox",
    model=InboxPart,
    rules=Rules(),
    quick=(USUAL,),
    full=(Bounds(commands=3),),
    planted=(
        PlantedBug("inbox_commands_are_remembered", USUAL, ONCE),
        PlantedBug("inbox_offset_is_of_the_same_record", USUAL, NONE_LOST),
        PlantedBug("deposed_leader_reads_newer_announcement_first", USUAL, ONCE),
        PlantedBug("deposed_leader_hands_on_only_what_it_did_not_find", USUAL, ONCE),
        PlantedBug("unknown_waits_for_the_offset_of_the_append", USUAL, HONEST),
    ),
)
