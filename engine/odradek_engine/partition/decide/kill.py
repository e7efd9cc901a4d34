"""`Kill`: ends an invocation now, and everything that it called."""

from __future__ import annotations

from typing import Final

from odradek.protocol.ids import parse_invocation_id
from odradek.protocol.messages import Failure
from odradek_engine.model.commands import Kill
from odradek_engine.model.outcomes import Done
from odradek_engine.model.rows import Phase, Result
from odradek_engine.partition.decide.cancel import drop_waiting
from odradek_engine.partition.decide.completing import complete, end_attempt
from odradek_engine.partition.decide.decision import Decision
from odradek_engine.partition.decide.finding import find_unfinished

KILLED: Final = Failure(409, "killed")


def decide(d: Decision, command: Kill) -> None:
    """State that was written stays; the object's lock goes on; one-way children are killed too."""
    found = find_unfinished(d, command.invocation)
    if found is None:
        return
    invocation, status = found
    d.answer(Done())
    if status.phase in (Phase.SCHEDULED, Phase.INBOXED):
        drop_waiting(d, invocation, status, KILLED)
        return
    for child in d.tables.journal_summary(command.invocation).children.values():
        child_id = parse_invocation_id(child)
        d.send(child_id, Kill(child_id))
    end_attempt(d, command.invocation, status)
    complete(d, invocation, status, Result(failure=KILLED))
