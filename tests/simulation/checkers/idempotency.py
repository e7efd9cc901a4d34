"""I8: the same idempotency key means the same invocation for as long as it is retained."""

from __future__ import annotations

from collections.abc import Mapping

from odradek_engine.model import events as e
from odradek_engine.model.outcomes import Accepted, AnyOutcome, Ended
from odradek_engine.model.rows import Phase
from simulation.asking import INVOKING
from simulation.checkers.port import Checker, Handle, Watched, hexed
from simulation.history import Known, Moment
from simulation.plan import Request
from simulation.reading import StateRead


class Idempotency(Checker):
    """Nothing is forgotten before its time, unless it was purged, never began, or there is no room."""

    name = "I8 idempotency"

    def __init__(self, run: Watched) -> None:
        super().__init__(run)
        self._due: dict[bytes, int] = {}
        self._purged: dict[bytes, None] = {}
        self._totals: dict[int, int] = {}

    def handles(self) -> Mapping[type, Handle]:
        return {e.InvocationCompleted: self._completed, e.InvocationForgotten: self._forgotten}

    def _completed(self, event: e.InvocationCompleted, moment: Moment) -> None:
        self._due[event.invocation] = event.completion.expires_at
        self._totals[moment.partition] = event.retained_total
        known = self.history.invocations.get(event.invocation)
        if known is not None and event.completion.expires_at < moment.time_ms + _retention(known):
            self.violated(f"{hexed(event.invocation)} expires before its retention is over")

    def asked(self, request: Request, invocation: bytes) -> None:
        if request.kind == "purge":
            self._purged[invocation] = None

    def _forgotten(self, event: e.InvocationForgotten, moment: Moment) -> None:
        known = self.history.invocations.get(event.invocation)
        due = self._due.pop(event.invocation, None)
        room = self._totals.get(moment.partition, 0) <= self.run.retained_bytes
        if event.expires_at is not None:
            self._totals[moment.partition] = event.retained_total
        if known is None or event.invocation in self._purged:
            return
        if due is not None:
            if due > moment.time_ms and room:
                self.violated(f"{hexed(event.invocation)} is forgotten at {moment.time_ms}, {due} is due")
        elif _retention(known) > 0 and (
            known.status is None or known.status.phase not in (Phase.SCHEDULED, Phase.INBOXED)
        ):
            self.violated(f"{hexed(event.invocation)} is forgotten at once, and is to be retained")

    def replied(self, request: Request, invocation: bytes, outcome: AnyOutcome | StateRead) -> None:
        if request.kind in INVOKING and isinstance(outcome, Accepted | Ended) and outcome.invocation != invocation:
            self.violated(f"request {request.number} began another invocation than its key says")


def _retention(known: Known) -> int:
    return known.invocation.completion_retention
