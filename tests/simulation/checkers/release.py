"""I11: nothing is released before its record is acknowledged: every answer rests on what the journals say by then."""

from __future__ import annotations

from odradek_engine.model.outcomes import Accepted, AnyOutcome, Done, Ended
from odradek_engine.partition.decide.invoke import SECOND_RUN
from simulation.checkers.port import Checker, hexed
from simulation.plan import Request
from simulation.reading import StateRead


class Release(Checker):
    """Holds each answer against the journals at the moment when it is heard."""

    name = "I11 released when durable"

    def replied(self, request: Request, invocation: bytes, outcome: AnyOutcome | StateRead) -> None:
        if isinstance(outcome, Accepted):
            durable = outcome.invocation in self.history.invocations
        elif isinstance(outcome, Ended):
            durable = outcome.result == SECOND_RUN or self._has_ended(invocation)
        else:
            durable = request.kind != "kill" or not isinstance(outcome, Done) or self._has_ended(invocation)
        if not durable:
            self.violated(f"request {request.number} hears {outcome} of {hexed(invocation)}, and that is not durable")

    def _has_ended(self, invocation: bytes) -> bool:
        known = self.history.invocations.get(invocation)
        return known is not None and (known.ended or known.life > 1)
