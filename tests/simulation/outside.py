"""The world outside of the engine, as handlers meet it. Crashes do not touch it.

Counts what steps do, remembers what handlers wait for from outside, and says what should never happen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

from odradek_engine.testing.process import current_process

LIFE_HEADER: Final = "x-simulated-life"
"""Tells handlers which life of their invocation theirs is: one that was forgotten may begin anew."""


class Died(Exception):
    """The process that this runs in is dead already; whatever it says is heard by nobody."""


class Outside:
    """One run's outside world."""

    def __init__(self) -> None:
        self.executed: Counter[str] = Counter()
        """How often each step's action ran."""
        self.met: Counter[str] = Counter()
        """How often a place in a program was reached."""
        self.acknowledged: dict[str, int] = {}
        """Steps whose result a handler has seen, with the execution that it came from."""
        self.awakeables: dict[str, str] = {}
        """Ids by the place where they were made."""
        self.signals: dict[str, tuple[str, str]] = {}
        """Invocation and name of signals that handlers await, by place."""
        self.one_node = True
        """Whoever does not know yet that another node leads may run a step in vain that is done already."""
        self.faults = True
        """Handlers stumble, hang and change for as long as that."""
        self.complain: Callable[[str], None] = lambda _text: None
        self.begun_by: Callable[[int], str | None] = lambda _number: None
        """The invocation of a client's request."""

    def execute(self, step: str) -> int:
        """An action runs; which time."""
        _check_alive()
        if step in self.acknowledged and self.one_node:
            self.complain(f"step {step} ran again after its result was acknowledged")
        self.executed[step] += 1
        return self.executed[step]

    def acknowledge(self, step: str, execution: int) -> None:
        """A handler sees a step's result."""
        _check_alive()
        if self.acknowledged.setdefault(step, execution) != execution:
            self.complain(f"step {step} had another result than before")

    def meets(self, place: str) -> int:
        """A handler comes to a place; which time, 1000 more when faults are over."""
        _check_alive()
        self.met[place] += 1
        return self.met[place] + (0 if self.faults else 1000)


def _check_alive() -> None:
    process = current_process()
    if process is not None and not process.alive:
        raise Died


outside = Outside()
"""That of the present run."""


def begin_outside(complain: Callable[[str], None]) -> Outside:
    """A fresh one for the next run."""
    outside.__init__()  # type: ignore[misc]
    outside.complain = complain
    return outside
