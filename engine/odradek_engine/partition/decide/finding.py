"""The invocation that a command is about, if it is in the state that the command needs."""

from __future__ import annotations

from collections.abc import Callable

from odradek_engine.model.outcomes import AlreadyCompleted, AnyOutcome, NotFound
from odradek_engine.model.rows import Invocation, Phase, Status
from odradek_engine.partition.decide.decision import Decision


def find_unfinished(
    d: Decision, invocation_id: bytes, ended: Callable[[bytes], AnyOutcome] = AlreadyCompleted
) -> tuple[Invocation, Status] | None:
    """An invocation that is under way. Where there is none, who asked is told: `ended`, or that there never was one."""
    status = d.tables.statuses.get(invocation_id)
    if status is None:
        finished = d.tables.completions.get(invocation_id) is not None
        d.answer(ended(invocation_id) if finished else NotFound(invocation_id))
        return None
    return d.tables.invocation(invocation_id), status


def find_attempt(d: Decision, invocation_id: bytes, attempt: int) -> tuple[Invocation, Status] | None:
    """An invocation whose current attempt this is; None where it was overtaken by events."""
    status = d.tables.statuses.get(invocation_id)
    if status is None or status.phase is not Phase.INVOKED or status.attempt != attempt:
        return None
    return d.tables.invocation(invocation_id), status
