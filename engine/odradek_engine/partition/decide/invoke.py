"""`Invoke`: an invocation begins, or a request meets the one that has its id already."""

from __future__ import annotations

from msgspec.structs import replace

from odradek_engine.model.commands import Invoke
from odradek_engine.model.events import CallerAttached, StatusChanged
from odradek_engine.model.outcomes import Accepted, Ended
from odradek_engine.model.rows import Completion, Status
from odradek_engine.partition.decide.completing import answer_caller
from odradek_engine.partition.decide.decision import Decision
from odradek_engine.partition.decide.starting import create


def decide(d: Decision, command: Invoke) -> None:
    """The same idempotency key makes the same id, and so finds the same invocation."""
    invocation = command.invocation
    status = d.tables.statuses.get(invocation.id)
    if status is not None:
        _meet_running(d, command, status)
        return
    completion = d.tables.completions.get(invocation.id)
    if completion is not None:
        _meet_finished(d, command, completion)
        return
    create(d, invocation, command.input)
    if command.wait:
        d.await_result(invocation.id)
    else:
        d.answer(Accepted(invocation.id, existing=False, execution_time=invocation.execution_time))


def _meet_running(d: Decision, command: Invoke, status: Status) -> None:
    invocation = command.invocation
    caller = invocation.caller
    if caller is not None:
        d.emit(CallerAttached(invocation.id, caller.invocation, caller.completion_id))
        d.emit(StatusChanged(invocation.id, replace(status, attached=True)))
    elif command.wait:
        d.await_result(invocation.id)
    else:
        d.answer(_accepted_before(d, invocation.id))


def _meet_finished(d: Decision, command: Invoke, completion: Completion) -> None:
    invocation = command.invocation
    if invocation.caller is not None:
        answer_caller(d, invocation.caller, completion.result)
    elif command.wait:
        d.answer(Ended(invocation.id, completion.result, completion.expires_at))
    else:
        d.answer(_accepted_before(d, invocation.id))


def _accepted_before(d: Decision, invocation_id: bytes) -> Accepted:
    known = d.tables.invocations.get(invocation_id)
    return Accepted(invocation_id, existing=True, execution_time=known.execution_time if known else 0)
