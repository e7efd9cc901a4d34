"""`Ingest` and `CommitSource`: records of a subscription, each exactly once."""

from __future__ import annotations

from odradek.protocol.messages import Failure, InputCommand
from odradek_engine.model.commands import CommitSource, Ingest
from odradek_engine.model.events import InvocationCreated, SourceCommitted, SourceTaken
from odradek_engine.model.outcomes import Done, Refused
from odradek_engine.model.rows import Invocation, Phase, Result, Status
from odradek_engine.model.target import TargetKind
from odradek_engine.partition import keys
from odradek_engine.partition.decide.completing import complete
from odradek_engine.partition.decide.decision import Decision
from odradek_engine.partition.decide.starting import create


def decide(d: Decision, command: Ingest) -> None:
    """Takes a record above the watermark whose predecessor was taken; repeats change nothing, gaps are refused."""
    source = command.source
    position = d.tables.sources.get(keys.source_key(source.subscription, source.topic_id, source.partition))
    taken = -1 if position is None else position.offset
    if source.offset <= taken:
        d.answer(Done())
        return
    if source.previous > taken:
        reason = (
            f"record {source.offset} of partition {source.partition} came before record {source.previous}; "
            f"the last one taken is {taken}"
        )
        d.answer(Refused(409, reason))
        return
    d.emit(SourceTaken(source.subscription, source.topic_id, source.partition, source.offset))
    if command.refusal is None:
        if not _runs_already(d, command.invocation):
            create(d, command.invocation, command.input)
    else:
        _fail_visibly(d, command.invocation, command.input, command.refusal)
    d.answer(Done())


def _runs_already(d: Decision, invocation: Invocation) -> bool:
    """A workflow runs once per key: a further record of the key is taken and starts nothing."""
    if invocation.target.kind is not TargetKind.WORKFLOW_RUN:
        return False
    unfinished = d.tables.statuses.get(invocation.id) is not None
    return unfinished or d.tables.completions.get(invocation.id) is not None


def _fail_visibly(d: Decision, invocation: Invocation, entry: InputCommand, reason: str) -> None:
    """An invocation that fails before it starts: its journal keeps the record's bytes."""
    status = Status(Phase.INVOKED, d.now)
    d.emit(InvocationCreated(invocation, status, (entry,)))
    complete(d, invocation, status, Result(failure=Failure(400, reason)))


def decide_commit(d: Decision, command: CommitSource) -> None:
    """Where reading goes on after a restart."""
    key = keys.source_key(command.subscription, command.topic_id, command.partition)
    known = d.tables.commits.get(key)
    if known is None or known.offset < command.offset:
        d.emit(SourceCommitted(command.subscription, command.topic_id, command.partition, command.offset))
    d.answer(Done())
