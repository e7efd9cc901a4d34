"""I1: an acknowledged request ends in exactly one outcome; its invocation begins once for as long as it is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from odradek.protocol.messages import OutputCommand
from odradek_engine.model import events as e
from odradek_engine.model.outcomes import Accepted, AnyOutcome, Ended
from odradek_engine.model.rows import Result
from odradek_engine.partition.decide.invoke import SECOND_RUN
from simulation.checkers.port import Checker, Handle, hexed
from simulation.history import Moment
from simulation.plan import Request
from simulation.reading import StateRead

if TYPE_CHECKING:
    from simulation.world import World


class OneOutcome(Checker):
    """Every life of an invocation has one end, and all who ask hear the same of it."""

    name = "I1 one outcome"

    def __init__(self, run: World) -> None:
        super().__init__(run)
        self._told: dict[bytes, list[object]] = {}
        """Every result that was heard; each life of an invocation has one."""
        self._accepted: dict[bytes, None] = {}

    def handles(self) -> Mapping[type, Handle]:
        return {e.InvocationCreated: self._created, e.InvocationCompleted: self._completed}

    def _created(self, event: e.InvocationCreated, moment: Moment) -> None:
        known = self.history.invocations.get(event.invocation.id)
        if known is not None and not known.forgotten:
            self.violated(f"{hexed(event.invocation.id)} was created again at {moment.partition}/{moment.offset}")

    def _completed(self, event: e.InvocationCompleted, moment: Moment) -> None:
        known = self.history.invocations.get(event.invocation)
        if known is None or known.ended:
            self.violated(f"{hexed(event.invocation)} ended again at {moment.partition}/{moment.offset}")

    def replied(self, request: Request, invocation: bytes, outcome: AnyOutcome | StateRead) -> None:
        if isinstance(outcome, Accepted | Ended):
            self._accepted[outcome.invocation] = None
        known = self.history.invocations.get(invocation)
        if not isinstance(outcome, Ended) or known is None or outcome.result == SECOND_RUN:
            return
        told = self._told.setdefault(invocation, [])
        if _meaning(outcome.result) not in told:
            told.append(_meaning(outcome.result))
        if len(told) > known.life:
            self.violated(f"request {request.number} hears {outcome.result}, others have heard {told}")
        if known.life > 1:
            return  # what is heard now may be of the life before
        if known.result is not None and _meaning(known.result) != _meaning(outcome.result):
            self.violated(f"request {request.number} hears {outcome.result}, the journal says {known.result}")
        outputs = [entry for entry in known.entries if isinstance(entry, OutputCommand)]
        if outputs and known.ended and outcome.result.value is not None and outputs[0].value != outcome.result.value:
            self.violated(f"request {request.number} hears {outcome.result}, the handler said {outputs[0]}")

    def finish(self, world: World) -> None:
        for invocation in self._accepted:
            known = self.history.invocations.get(invocation)
            if known is None:
                self.violated(f"{hexed(invocation)} was acknowledged, and no journal knows it")


def _meaning(result: Result) -> object:
    return (result.value, result.failure)
