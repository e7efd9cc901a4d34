"""What a checker is: it watches a run for one property, and says where that does not hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from odradek.protocol.messages import EngineMessage, Entry, Start
from odradek_engine.model.outcomes import AnyOutcome
from simulation.history import History, Known, Moment
from simulation.plan import Request
from simulation.reading import StateRead

if TYPE_CHECKING:
    from simulation.world import World

Handle = Callable[[Any, Moment], None]


class Watched(Protocol):
    """The run, as a checker sees it."""

    history: History
    retained_bytes: int
    """How much a partition keeps of what has ended."""
    nodes: int

    def violated(self, what: str, text: str) -> None:
        """A property does not hold."""

    def time(self) -> float:
        """Virtual seconds since the run began."""


class Checker:
    """Base of all: hears of everything, and minds nothing. `name`: the property, as reports show it."""

    name = ""

    def __init__(self, run: Watched) -> None:
        self.run = run
        self.history = run.history

    def handles(self) -> Mapping[type, Handle]:
        """What is called for events that count, just before the history takes note of them."""
        return {}

    def asked(self, request: Request, invocation: bytes) -> None:
        """A client asks, for the first time or again."""

    def replied(self, request: Request, invocation: bytes, outcome: AnyOutcome | StateRead) -> None:
        """A client has its answer."""

    def started(self, known: Known | None, start: Start, journal: Sequence[Entry], *, current: bool) -> None:
        """A handler starts; `known`: the life that its attempt is of, `current`: what it says will count."""

    def delivered(self, known: Known | None, messages: Sequence[EngineMessage]) -> None:
        """A handler gets messages."""

    def disk_left(self, world: World, machine: Any) -> None:
        """A node has died; its disk lies there as it was."""

    def finish(self, world: World) -> None:
        """Faults are over, and everything that could go on has done so."""

    def violated(self, text: str) -> None:
        """The property does not hold."""
        self.run.violated(self.name, text)


def hexed(invocation: bytes) -> str:
    """An invocation's id for reports."""
    return invocation.hex()[-12:]
