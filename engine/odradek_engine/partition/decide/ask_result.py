"""`AskResult`: a handler asks for the result of an invocation that it did not call."""

from __future__ import annotations

from typing import Final

from odradek.protocol.messages import Failure
from odradek_engine.model.commands import AskResult
from odradek_engine.model.rows import Result
from odradek_engine.partition.decide.completing import answer_caller, attach_caller
from odradek_engine.partition.decide.decision import Decision

NOT_FOUND: Final = Result(failure=Failure(404, "not found"))
NOT_READY: Final = Result()


def decide(d: Decision, command: AskResult) -> None:
    """Answered at once unless the handler waits for one that is under way."""
    status = d.tables.statuses.get(command.invocation)
    if status is not None:
        if command.wait:
            attach_caller(d, command.invocation, status, command.caller)
        else:
            answer_caller(d, command.caller, command.invocation, NOT_READY)
        return
    completion = d.tables.completions.get(command.invocation)
    answer_caller(d, command.caller, command.invocation, NOT_FOUND if completion is None else completion.result)
