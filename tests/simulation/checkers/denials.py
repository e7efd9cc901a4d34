"""I12: a "no" rests on tables that are no older than the question: what was there when it was asked is not denied."""

from __future__ import annotations

from typing import Final

from odradek_engine.model.outcomes import AnyOutcome, NotCompleted, NotFound
from simulation.checkers.port import Checker, Watched, hexed
from simulation.history import Known
from simulation.plan import Request
from simulation.reading import StateRead

_OF_UNFINISHED: Final = ("signal", "pause")
"""Who asks that finds nothing where the invocation has ended."""


class Denials(Checker):
    """Remembers what there was when a question was asked last."""

    name = "I12 denials"

    def __init__(self, run: Watched) -> None:
        super().__init__(run)
        self._there: dict[int, int] = {}
        """By request: which life of the invocation it was asked about."""
        self._ended: dict[int, int] = {}

    def asked(self, request: Request, invocation: bytes) -> None:
        self._there.pop(request.number, None)
        self._ended.pop(request.number, None)
        known = self.history.invocations.get(invocation)
        if known is not None and self._is_there(request, known):
            self._there[request.number] = known.life
            if known.ended:
                self._ended[request.number] = known.life

    def _is_there(self, request: Request, known: Known) -> bool:
        return not known.forgotten and not (known.ended and request.kind in _OF_UNFINISHED)

    def replied(self, request: Request, invocation: bytes, outcome: AnyOutcome | StateRead) -> None:
        known = self.history.invocations.get(invocation)
        if known is None or not self._is_there(request, known):
            return
        if isinstance(outcome, NotFound) and self._there.get(request.number) == known.life:
            self.violated(f"request {request.number} hears that {hexed(invocation)} is not there")
        if isinstance(outcome, NotCompleted) and self._ended.get(request.number) == known.life:
            self.violated(f"request {request.number} hears that {hexed(invocation)} has not ended")
