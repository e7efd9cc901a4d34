"""I6: a message between partitions takes effect once, in its sender's order, and not before it is durable there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from odradek_engine.model import events as e
from simulation.checkers.port import Checker, Handle, Watched
from simulation.history import Moment

if TYPE_CHECKING:
    from simulation.world import World

Way = tuple[int, int]
"""From a sender to its target."""


class Messages(Checker):
    """Counts what was sent, taken and acknowledged on each way."""

    name = "I6 messages"

    def __init__(self, run: Watched) -> None:
        super().__init__(run)
        self._sent: dict[Way, int] = {}
        self._taken: dict[Way, int] = {}
        self._acknowledged: dict[Way, int] = {}

    def handles(self) -> Mapping[type, Handle]:
        return {e.MessageSent: self._send, e.MessageTaken: self._take, e.MessagesAcknowledged: self._acknowledge}

    def _send(self, event: e.MessageSent, moment: Moment) -> None:
        self._next("sent", self._sent, (moment.partition, event.target), event.sequence)

    def _take(self, event: e.MessageTaken, moment: Moment) -> None:
        way = (event.sender, moment.partition)
        self._next("taken", self._taken, way, event.sequence)
        if event.sequence > self._sent.get(way, 0):
            self.violated(f"message {event.sequence} on {way} takes effect, and is not durable at its sender")

    def _acknowledge(self, event: e.MessagesAcknowledged, moment: Moment) -> None:
        way = (moment.partition, event.target)
        if event.first != self._acknowledged.get(way, 0) + 1:
            self.violated(f"messages {event.first} to {event.last} on {way} are acknowledged out of turn")
        if event.last > self._taken.get(way, 0):
            self.violated(f"message {event.last} on {way} is acknowledged, and was not taken")
        self._acknowledged[way] = event.last

    def _next(self, what: str, numbers: dict[Way, int], way: Way, sequence: int) -> None:
        if sequence != numbers.get(way, 0) + 1:
            self.violated(f"message {sequence} on {way} is {what} after {numbers.get(way, 0)}")
        numbers[way] = sequence

    def finish(self, world: World) -> None:
        if not self._sent == self._taken == self._acknowledged:
            self.violated(f"sent {self._sent}, taken {self._taken}, acknowledged {self._acknowledged}")
