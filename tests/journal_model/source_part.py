"""The model of subscriptions: records of a source partition on their way to the partitions that they belong to.

A connector sends records in order and names, with each, the record that it sent to the same target before (-1: none
since it began). A reassignment begins another connector at the committed offset, while the old one may go on, and what
it has sent may arrive late. A target takes a record when it lands.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from model_part import Part, PlantedBug
from state_search import Step

ONCE = "a source record is taken once, in order"
SKIPPED = "no source record is skipped"
TARGET_OF = (0, 1, 0)
"""The target of each record."""


@dataclass(frozen=True)
class Rules:
    """What connectors and their targets keep to."""

    target_takes_only_above_its_watermark: bool = True
    target_takes_only_if_previous_was_taken: bool = True
    commit_waits_for_all_earlier_acknowledgements: bool = True
    chain_begins_again_behind_an_error: bool = True
    first_record_of_a_chain_names_none: bool = True
    watermark_is_of_one_topic_id: bool = True


@dataclass(frozen=True)
class Bounds:
    """How much may happen."""

    records: int = 3
    reassignments: int = 1
    errors: int = 1
    doubles: int = 0
    new_topics: int = 0


class Sending(NamedTuple):
    """A record's command on its way."""

    producer: int
    topic: int
    record: int
    previous: int


class Connector(NamedTuple):
    """Who reads the source: it has sent the records before `sent`, and those before `acknowledged` have landed."""

    producer: int
    topic: int = 0
    sent: int = 0
    acknowledged: int = 0
    last_sent: tuple[int, ...] = (-1, -1)


class State(NamedTuple):
    """The last connector is the assigned one. `taken`: (topic, record) in the order of each target."""

    connectors: tuple[Connector, ...] = (Connector(0),)
    producers: int = 1
    committed: int = 0
    topic: int = 0
    on_the_way: tuple[Sending, ...] = ()
    landed: tuple[Sending, ...] = ()
    taken: tuple[tuple[tuple[int, int], ...], ...] = ((), ())
    errors: int = 0
    doubles: int = 0


def with_connector(state: State, number: int, connector: Connector) -> State:
    return state._replace(connectors=(*state.connectors[:number], connector, *state.connectors[number + 1 :]))


@dataclass(frozen=True)
class SourcePart:
    """One source partition and two targets."""

    rules: Rules
    bounds: Bounds

    def initial(self) -> State:
        return State()

    def canonical(self, state: State) -> State:
        return state

    def steps(self, state: State) -> Iterator[tuple[Step, State]]:
        for number, connector in enumerate(state.connectors):
            yield from self._connector_steps(state, number, connector)
        if len(state.connectors) <= self.bounds.reassignments:
            fresh = self._fresh(state, state.committed, state.topic)
            yield ("is_reassigned_at", state.committed), fresh
        if state.topic < self.bounds.new_topics and state.committed == self.bounds.records:
            created = state._replace(topic=state.topic + 1, committed=0, connectors=())
            yield ("topic_is_created_anew",), self._fresh(created, 0, state.topic + 1)
        yield from self._landings(state)

    def _fresh(self, state: State, start: int, topic: int) -> State:
        last_sent = (-1, -1) if self.rules.first_record_of_a_chain_names_none else (start - 1, start - 1)
        connector = Connector(state.producers, topic, start, start, last_sent)
        return state._replace(connectors=(*state.connectors, connector), producers=state.producers + 1)

    def _connector_steps(self, state: State, number: int, connector: Connector) -> Iterator[tuple[Step, State]]:
        if connector.sent < self.bounds.records:
            record = connector.sent
            target = TARGET_OF[record]
            sending = Sending(connector.producer, connector.topic, record, connector.last_sent[target])
            last_sent = (record, connector.last_sent[1]) if target == 0 else (connector.last_sent[0], record)
            after = with_connector(state, number, connector._replace(sent=record + 1, last_sent=last_sent))
            yield ("sends", number, record), after._replace(on_the_way=(*state.on_the_way, sending))
        if connector.acknowledged < connector.sent:
            record = connector.acknowledged
            if any((each.producer, each.record) == (connector.producer, record) for each in state.landed):
                after = with_connector(state, number, connector._replace(acknowledged=record + 1))
                yield ("hears_that_it_landed", number, record), after
            if state.errors < self.bounds.errors:
                yield ("hears_an_error", number), self._behind_error(state, number, connector)
        safe = connector.acknowledged if self.rules.commit_waits_for_all_earlier_acknowledgements else connector.sent
        if safe > state.committed and connector.topic == state.topic:
            yield ("commits", number, safe), state._replace(committed=safe)

    def _behind_error(self, state: State, number: int, connector: Connector) -> State:
        """All that was not acknowledged is sent again, as new chains of a new producer."""
        if self.rules.chain_begins_again_behind_an_error:
            again = Connector(state.producers, connector.topic, connector.acknowledged, connector.acknowledged)
        else:
            again = connector._replace(acknowledged=connector.acknowledged + 1)
        after = with_connector(state, number, again)
        return after._replace(producers=state.producers + 1, errors=state.errors + 1)

    def _landings(self, state: State) -> Iterator[tuple[Step, State]]:
        for at, sending in enumerate(state.on_the_way):
            rest = state.on_the_way[:at] + state.on_the_way[at + 1 :]
            if any(other.producer == sending.producer for other in rest[at:]):
                yield ("is_lost", sending.record), state._replace(on_the_way=rest)
            if any(other.producer == sending.producer for other in rest[:at]):
                continue
            landed = self._landed(state, sending)
            yield ("lands", sending.record), landed._replace(on_the_way=rest)
            if state.doubles < self.bounds.doubles:
                yield ("lands_and_will_again", sending.record), landed._replace(doubles=state.doubles + 1)

    def _landed(self, state: State, sending: Sending) -> State:
        target = TARGET_OF[sending.record]
        taken = state.taken[target]
        own = [
            record for topic, record in taken if topic == sending.topic or not self.rules.watermark_is_of_one_topic_id
        ]
        watermark = max(own, default=-1)
        takes = sending.record > watermark or not self.rules.target_takes_only_above_its_watermark
        if sending.previous > watermark and self.rules.target_takes_only_if_previous_was_taken:
            takes = False
        if takes:
            taken = (*taken, (sending.topic, sending.record))
        both = (taken, state.taken[1]) if target == 0 else (state.taken[0], taken)
        return state._replace(taken=both, landed=tuple(sorted({*state.landed, sending})))

    def broken(self, state: State) -> str | None:
        for target, taken in enumerate(state.taken):
            if list(taken) != sorted(set(taken)):
                return ONCE
            for topic, newest in taken:
                records = [record for record in range(newest) if TARGET_OF[record] == target]
                if any((topic, record) not in taken for record in records):
                    return SKIPPED
        everything = {each for taken in state.taken for each in taken}
        if any((state.topic, record) not in everything for record in range(state.committed)):
            return SKIPPED
        return None


USUAL = Bounds()
NEW_TOPIC = Bounds(records=1, reassignments=0, errors=0, new_topics=1)

SOURCES = Part(
    name="subscriptions",
    model=SourcePart,
    rules=Rules(),
    quick=(Bounds(errors=0), Bounds(reassignments=0, doubles=1), NEW_TOPIC),
    full=(USUAL, Bounds(errors=0, doubles=1)),
    planted=(
        PlantedBug("target_takes_only_above_its_watermark", USUAL, ONCE),
        PlantedBug("target_takes_only_if_previous_was_taken", USUAL, SKIPPED),
        PlantedBug("commit_waits_for_all_earlier_acknowledgements", USUAL, SKIPPED),
        PlantedBug("chain_begins_again_behind_an_error", USUAL, SKIPPED),
        PlantedBug("first_record_of_a_chain_names_none", USUAL, SKIPPED),
        PlantedBug("watermark_is_of_one_topic_id", NEW_TOPIC, SKIPPED),
    ),
)
