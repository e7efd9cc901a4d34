"""The model of messages between two partitions: the sender's outbox, the target's inbox topic, and both failing over.

The sender's journal and the target's are lists that only grow (their own part shows that); what a leader has decided
and not yet seen acknowledged may be lost with it. An operator may accept the loss of the sender's newest record.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from model_part import Part, PlantedBug
from state_search import Step

ONCE_IN_ORDER = "a message takes effect once, in its sender's order"
REAL = "only messages of the sender's journal take effect"
NONE_LOST = "no message is lost"


@dataclass(frozen=True)
class Rules:
    """What senders and targets keep to."""

    message_leaves_when_durable: bool = True
    sequence_goes_on_after_failover: bool = True
    all_from_first_unacknowledged_are_sent_again: bool = True
    failover_sends_unacknowledged_again: bool = True
    target_takes_only_the_next: bool = True
    target_drops_what_it_took: bool = True
    inbox_offset_is_of_the_same_record: bool = True
    accepted_loss_raises_incarnation: bool = True
    target_drops_older_incarnations: bool = True


@dataclass(frozen=True)
class Bounds:
    """How much may happen."""

    messages: int = 3
    failovers: int = 1
    errors: int = 1
    doubles: int = 0
    target_crashes: int = 1
    accepted_losses: int = 0


class Message(NamedTuple):
    """What is sent: the sender's incarnation, its number, and which of the sender's decisions it is."""

    incarnation: int
    sequence: int
    content: int


class Sending(NamedTuple):
    """A message on its way. What one producer sends lands in its order, but for what is lost."""

    producer: int
    message: Message


class State(NamedTuple):
    """`outbox`: messages in the sender's journal; `decided`: those of its leader that are not yet durable.

    `sent`: how many of the outbox the leader has sent; `acknowledged`: how many the inbox topic has for sure.
    The target's position and what it took are durable together; `mark` is where it stored its position alone.
    """

    outbox: tuple[Message, ...] = ()
    decided: tuple[Message, ...] = ()
    contents: int = 0
    incarnation: int = 0
    numbered_from: int = 0
    sent: int = 0
    acknowledged: int = 0
    producer: int = 0
    on_the_way: tuple[Sending, ...] = ()
    inbox: tuple[Sending, ...] = ()
    position: int = 0
    stored_position: int = 0
    taken: tuple[Message, ...] = ()
    failovers: int = 0
    errors: int = 0
    doubles: int = 0
    target_crashes: int = 0
    accepted_losses: int = 0


def taken_after(taken: tuple[Message, ...], message: Message, rules: Rules) -> tuple[Message, ...]:
    """What a target has taken when it met one more message."""
    if rules.target_drops_older_incarnations and any(each.incarnation > message.incarnation for each in taken):
        return taken
    newest = max((each.sequence for each in taken if each.incarnation == message.incarnation), default=0)
    if message.sequence <= newest and rules.target_drops_what_it_took:
        return taken
    if message.sequence > newest + 1 and rules.target_takes_only_the_next:
        return taken
    return (*taken, message)


@dataclass(frozen=True)
class MessagePart:
    """One sender and one target."""

    rules: Rules
    bounds: Bounds

    def initial(self) -> State:
        return State()

    def canonical(self, state: State) -> State:
        return state

    def steps(self, state: State) -> Iterator[tuple[Step, State]]:
        yield from self._sender_steps(state)
        yield from self._failures(state)
        yield from self._topic_steps(state)
        yield from self._target_steps(state)

    def _sender_steps(self, state: State) -> Iterator[tuple[Step, State]]:
        if state.contents < self.bounds.messages:
            number = len(state.outbox) + len(state.decided) - state.numbered_from + 1
            message = Message(state.incarnation, number, state.contents + 1)
            after = state._replace(decided=(*state.decided, message), contents=state.contents + 1)
            if not self.rules.message_leaves_when_durable:
                after = after._replace(on_the_way=(*state.on_the_way, Sending(state.producer, message)))
            yield ("decides_message", message.content), after
        if state.decided:
            outbox = (*state.outbox, state.decided[0])
            yield ("journal_acknowledges",), state._replace(outbox=outbox, decided=state.decided[1:])
        if state.sent < len(state.outbox):
            message = state.outbox[state.sent]
            on_the_way = (*state.on_the_way, Sending(state.producer, message))
            yield ("sends", message.content), state._replace(on_the_way=on_the_way, sent=state.sent + 1)
        if state.acknowledged < state.sent:
            oldest = state.outbox[state.acknowledged]
            if Sending(state.producer, oldest) in state.inbox:
                yield ("inbox_acknowledges", oldest.content), state._replace(acknowledged=state.acknowledged + 1)

    def _failures(self, state: State) -> Iterator[tuple[Step, State]]:
        if state.acknowledged < state.sent and state.errors < self.bounds.errors:
            counted = state._replace(errors=state.errors + 1, producer=state.producer + 1)
            if self.rules.all_from_first_unacknowledged_are_sent_again:
                yield ("sending_fails",), counted._replace(sent=state.acknowledged)
            else:
                message = state.outbox[state.acknowledged]
                again = Sending(state.producer, message)
                after = state._replace(on_the_way=(*state.on_the_way, again), errors=state.errors + 1)
                yield ("sending_fails_and_that_one_is_sent_again", message.content), after
        if state.failovers < self.bounds.failovers:
            sent = state.acknowledged if self.rules.failover_sends_unacknowledged_again else len(state.outbox)
            numbered_from = state.numbered_from
            if not self.rules.sequence_goes_on_after_failover:
                numbered_from = len(state.outbox)
            yield (
                ("sender_fails_over",),
                state._replace(
                    decided=(),
                    sent=sent,
                    acknowledged=sent,
                    producer=state.producer + 1,
                    numbered_from=numbered_from,
                    failovers=state.failovers + 1,
                ),
            )
        if state.outbox and not state.decided and state.accepted_losses < self.bounds.accepted_losses:
            outbox = state.outbox[:-1]
            raised = self.rules.accepted_loss_raises_incarnation
            yield (
                ("sender_loses_its_newest_record_and_an_operator_accepts",),
                state._replace(
                    outbox=outbox,
                    sent=min(state.acknowledged, len(outbox)),
                    acknowledged=min(state.acknowledged, len(outbox)),
                    producer=state.producer + 1,
                    incarnation=state.incarnation + raised,
                    numbered_from=len(outbox) if raised else 0,
                    accepted_losses=state.accepted_losses + 1,
                ),
            )

    def _topic_steps(self, state: State) -> Iterator[tuple[Step, State]]:
        for at, sending in enumerate(state.on_the_way):
            content = sending.message.content
            rest = state.on_the_way[:at] + state.on_the_way[at + 1 :]
            if any(other.producer == sending.producer for other in state.on_the_way[at + 1 :]):
                yield ("is_lost", content), state._replace(on_the_way=rest)
            if any(other.producer == sending.producer for other in state.on_the_way[:at]):
                continue
            inbox = (*state.inbox, sending)
            yield ("lands_in_inbox", content), state._replace(inbox=inbox, on_the_way=rest)
            if state.doubles < self.bounds.doubles:
                doubled = state._replace(inbox=inbox, doubles=state.doubles + 1)
                yield ("lands_in_inbox_and_will_again", content), doubled

    def _target_steps(self, state: State) -> Iterator[tuple[Step, State]]:
        if state.position < len(state.inbox):
            message = state.inbox[state.position].message
            taken = taken_after(state.taken, message, self.rules)
            position = state.position + 1
            stored = position if self.rules.inbox_offset_is_of_the_same_record else state.stored_position
            after = state._replace(taken=taken, position=position, stored_position=stored)
            yield ("target_reads", message.content), after
        if not self.rules.inbox_offset_is_of_the_same_record and state.stored_position < len(state.inbox):
            yield ("target_stores_a_position_ahead",), state._replace(stored_position=state.stored_position + 1)
        if state.target_crashes < self.bounds.target_crashes and state.position != state.stored_position:
            crashed = state._replace(position=state.stored_position, target_crashes=state.target_crashes + 1)
            yield ("target_crashes",), crashed

    def broken(self, state: State) -> str | None:
        contents = [message.content for message in state.taken]
        if contents != sorted(set(contents)):
            return ONCE_IN_ORDER
        if not self.bounds.accepted_losses and not set(state.taken) <= set(state.outbox):
            return REAL
        at_rest = state.sent == state.acknowledged == len(state.outbox)
        at_rest = at_rest and state.position == len(state.inbox)
        missing = set(state.outbox) - set(state.taken)
        return NONE_LOST if at_rest and missing else None


SMALL = Bounds(messages=2)
USUAL = Bounds()
LOSSES = Bounds(messages=3, failovers=0, errors=0, accepted_losses=1)

MESSAGES = Part(
    name="messages between partitions",
    model=MessagePart,
    rules=Rules(),
    quick=(SMALL, LOSSES),
    full=(
        Bounds(messages=2, doubles=1),
        Bounds(messages=3, errors=0),
        Bounds(messages=3, failovers=0),
        Bounds(messages=2, errors=2, failovers=0),
        USUAL,
    ),
    planted=(
        PlantedBug("message_leaves_when_durable", SMALL, REAL),
        PlantedBug("sequence_goes_on_after_failover", SMALL, NONE_LOST),
        PlantedBug("all_from_first_unacknowledged_are_sent_again", USUAL, NONE_LOST),
        PlantedBug("failover_sends_unacknowledged_again", USUAL, NONE_LOST),
        PlantedBug("target_takes_only_the_next", SMALL, NONE_LOST),
        PlantedBug("target_drops_what_it_took", SMALL, ONCE_IN_ORDER),
        PlantedBug("inbox_offset_is_of_the_same_record", SMALL, NONE_LOST),
        PlantedBug("accepted_loss_raises_incarnation", LOSSES, NONE_LOST),
        PlantedBug("target_drops_older_incarnations", LOSSES, ONCE_IN_ORDER),
    ),
)
