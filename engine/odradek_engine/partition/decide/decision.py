"""The making of one decision: what the machine may read, and what it has decided so far.

Each event is applied to the overlay as it is emitted, so that what is decided next sees it; if the command fails
in the middle, the machine rolls the overlay back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import msgspec

from odradek.protocol.ids import partition_key_of
from odradek_engine.model.commands import PartitionMessage
from odradek_engine.model.effects import Answer, AnyEffect, AwaitResult, SendMessage
from odradek_engine.model.events import AnyEvent, MessageSent
from odradek_engine.model.outcomes import AnyOutcome
from odradek_engine.model.registry import RetryPolicy, Schema
from odradek_engine.partition.apply import apply, sent_to
from odradek_engine.partition.routing import partition_of
from odradek_engine.partition.tables import Tables


class Limits(msgspec.Struct, frozen=True):
    """Bounds of the machine. Sizes in bytes."""

    eager_state_bytes: int = 32 * 1024 * 1024
    retained_bytes: int = 256 * 1024 * 1024
    cleanup_batch: int = 100


class Surroundings(msgspec.Struct, frozen=True):
    """What stays the same from command to command."""

    partition: int
    partitions: int
    random_bytes: Callable[[int], bytes]
    schema: Callable[[], Schema]
    default_retry: RetryPolicy
    limits: Limits


class Decision:
    """One command's decision in the making."""

    __slots__ = ("_answering", "effects", "events", "follow_ups", "now", "surroundings", "tables")

    def __init__(self, tables: Tables, surroundings: Surroundings, now: int) -> None:
        self.tables = tables
        self.surroundings = surroundings
        self.now = now
        self.events: list[AnyEvent] = []
        self.effects: list[AnyEffect] = []
        self.follow_ups: deque[PartitionMessage] = deque()
        self._answering = True

    @property
    def schema(self) -> Schema:
        """What is registered now."""
        return self.surroundings.schema()

    def emit(self, event: AnyEvent) -> None:
        """Something happens."""
        self.events.append(event)
        apply(event, self.tables)

    def effect(self, effect: AnyEffect) -> None:
        """Something must follow outside, once this is durable."""
        self.effects.append(effect)

    def answer(self, outcome: AnyOutcome) -> None:
        """Tells who asked; messages of other invocations have nobody who listens."""
        if self._answering:
            self.effects.append(Answer(outcome))

    def await_result(self, invocation: bytes) -> None:
        """Who asked waits for an invocation."""
        if self._answering:
            self.effects.append(AwaitResult(invocation))

    def send(self, invocation: bytes, message: PartitionMessage) -> None:
        """Says something to the partition that owns an invocation: in this very decision if it is this one."""
        target = partition_of(partition_key_of(invocation), self.surroundings.partitions)
        if target == self.surroundings.partition:
            self.follow_ups.append(message)
            return
        sequence = (self.tables.sequences.get(sent_to(target)) or 0) + 1
        self.emit(MessageSent(target, sequence, message))
        self.effect(SendMessage(target, sequence, message))

    def no_more_answers(self) -> None:
        """What is decided from here on are consequences, not the asker's command."""
        self._answering = False
