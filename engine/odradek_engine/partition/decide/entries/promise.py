"""`GetPromise`, `PeekPromise`, `CompletePromise`: durable promises of a workflow, each completed once.

All handlers of a workflow's key live in one partition, and so do its promises and who awaits them.
"""

from __future__ import annotations

from typing import Final

from odradek.protocol.messages import (
    CompletePromiseCommand,
    CompletePromiseCompletion,
    Failure,
    GetPromiseCommand,
    GetPromiseCompletion,
    PeekPromiseCommand,
    PeekPromiseCompletion,
    PromiseCommand,
)
from odradek_engine.model.events import PromiseAwaited, PromiseCompleted
from odradek_engine.model.rows import Caller, Result
from odradek_engine.partition import keys
from odradek_engine.partition.decide.notifying import notify
from odradek_engine.partition.decide.stretch import Stretch

COMPLETED_BEFORE: Final = Failure(409, "promise was already completed")


def get_promise(stretch: Stretch, command: GetPromiseCommand) -> None:
    """The handler waits until somebody completes the promise, if nobody has."""
    _take(stretch, command)
    result = _result(stretch, command)
    if result is not None:
        stretch.notify(GetPromiseCompletion(command.result_completion_id, result.value, result.failure))
        return
    target = stretch.invocation.target
    waiter = Caller(stretch.invocation.id, command.result_completion_id)
    stretch.d.emit(PromiseAwaited(target.service, target.key, command.key, waiter))


def peek_promise(stretch: Stretch, command: PeekPromiseCommand) -> None:
    """What the promise is now; nothing where it is open."""
    _take(stretch, command)
    result = _result(stretch, command) or Result()
    stretch.notify(PeekPromiseCompletion(command.result_completion_id, result.value, result.failure))


def complete_promise(stretch: Stretch, command: CompletePromiseCommand) -> None:
    """The first completion counts; later ones are told so."""
    _take(stretch, command)
    if _result(stretch, command) is not None:
        stretch.notify(CompletePromiseCompletion(command.result_completion_id, COMPLETED_BEFORE))
        return
    target = stretch.invocation.target
    result = Result(command.value, command.failure)
    rows = stretch.d.tables.waiters.rows(keys.promise_key(target.service, target.key, command.key))
    waiters = tuple(waiter for _, waiter in rows)
    stretch.d.emit(PromiseCompleted(target.service, target.key, command.key, result, waiters))
    stretch.notify(CompletePromiseCompletion(command.result_completion_id))
    for waiter in waiters:
        _tell(stretch, waiter, result)


def _tell(stretch: Stretch, waiter: Caller, result: Result) -> None:
    completion = GetPromiseCompletion(waiter.completion_id, result.value, result.failure)
    if waiter.invocation == stretch.invocation.id:
        stretch.notify(completion)
        return
    status = stretch.d.tables.statuses.get(waiter.invocation)
    assert status is not None
    notify(stretch.d, waiter.invocation, status, completion)


def _take(stretch: Stretch, command: PromiseCommand) -> None:
    target = stretch.invocation.target
    if not target.of_workflow:
        raise stretch.broken(command, "RT0017", f"{target} belongs to no workflow, and only workflows have promises")
    stretch.append(command)


def _result(stretch: Stretch, command: PromiseCommand) -> Result | None:
    target = stretch.invocation.target
    promise = stretch.d.tables.promises.get(keys.object_key(target.service, target.key), command.key.encode())
    return None if promise is None else promise.result
