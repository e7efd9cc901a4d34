"""`Invoke`: an invocation begins, or a request meets the one that has its id already."""

from __future__ import annotations

from typing import Final

from odradek.protocol.messages import Failure
from odradek_engine.model.commands import Invoke
from odradek_engine.model.outcomes import Accepted, Ended
from odradek_engine.model.rows import Completion, Result, Status
from odradek_engine.model.target import TargetKind
from odradek_engine.partition.decide.completing import answer_caller, attach_caller
from odradek_engine.partition.decide.decision import Decision
from odradek_engine.partition.decide.starting import create

SECOND_RUN: Final = Result(failure=Failure(409, "the workflow method was already invoked"))


def decide(d: Decision, command: Invoke) -> None:
    """The same idempotency key makes the same id, and so finds the same invocation."""
    invocation = command.invocation
    status = d.tables.statuses.get(invocation.id)
    completion = d.tables.completions.get(invocation.id) if status is None else None
    if status is None and completion is None:
        _begin(d, command)
    elif invocation.target.kind is TargetKind.WORKFLOW_RUN:
        _refuse_second_run(d, command)
    elif status is not None:
        _meet_running(d, command, status)
    elif completion is not None:
        _meet_finished(d, command, completion)


def _begin(d: Decision, command: Invoke) -> None:
    invocation = command.invocation
    create(d, invocation, command.input)
    if command.wait:
        d.await_result(invocation.id)
    else:
        d.answer(Accepted(invocation.id, existing=False, execution_time=invocation.execution_time))


def _refuse_second_run(d: Decision, command: Invoke) -> None:
    """Who wants the result of a workflow that was begun before attaches to it; a send is told that it is there."""
    invocation = command.invocation
    if invocation.caller is not None:
        answer_caller(d, invocation.caller, invocation.id, SECOND_RUN)
    elif command.wait:
        d.answer(Ended(invocation.id, SECOND_RUN))
    else:
        d.answer(_accepted_before(d, invocation.id))


def _meet_running(d: Decision, command: Invoke, status: Status) -> None:
    invocation = command.invocation
    if invocation.caller is not None:
        attach_caller(d, invocation.id, status, invocation.caller)
    elif command.wait:
        d.await_result(invocation.id)
    else:
        d.answer(_accepted_before(d, invocation.id))


def _meet_finished(d: Decision, command: Invoke, completion: Completion) -> None:
    invocation = command.invocation
    if invocation.caller is not None:
        answer_caller(d, invocation.caller, invocation.id, completion.result)
    elif command.wait:
        d.answer(Ended(invocation.id, completion.result, completion.expires_at))
    else:
        d.answer(_accepted_before(d, invocation.id))


def _accepted_before(d: Decision, invocation_id: bytes) -> Accepted:
    known = d.tables.invocations.get(invocation_id)
    return Accepted(invocation_id, existing=True, execution_time=known.execution_time if known else 0)
