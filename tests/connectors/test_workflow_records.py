"""Records for a workflow: the key's one run, and what is refused is no run."""

from __future__ import annotations

from connector_fakes import PARTITIONS, handler, subscription
from msgspec.structs import replace

from odradek_connectors.record_commands import RecordCommands, Refusal
from odradek_engine.log.port import Record
from odradek_engine.model.commands import Ingest
from odradek_engine.model.registry import HandlerSchema
from odradek_engine.model.target import TargetKind
from odradek_engine.partition.routing import workflow_run_id

RUN = replace(handler(TargetKind.WORKFLOW_RUN, "SignUp", "run"), completion_retention=5000)
CLICK = handler(TargetKind.WORKFLOW_SHARED, "SignUp", "click")


def ingest(to: HandlerSchema, key: bytes, offset: int, refusal: Refusal | None = None) -> Ingest:
    commands = RecordCommands(subscription("t1"), 0, PARTITIONS)
    record = Record(offset, 0, key, b"value", ())
    return commands.ingest(record, to, 0, {}, refusal)[1]


def test_records_of_a_key_are_one_run() -> None:
    first, second = ingest(RUN, b"ada", 1), ingest(RUN, b"ada", 2)
    assert first.invocation.id == second.invocation.id == workflow_run_id("SignUp", "ada")
    assert first.invocation.target.kind is TargetKind.WORKFLOW_RUN
    assert first.invocation.completion_retention == 5000


def test_other_handlers_run_for_each_record() -> None:
    first, second = ingest(CLICK, b"ada", 1), ingest(CLICK, b"ada", 2)
    assert first.invocation.id != second.invocation.id
    assert first.invocation.target.key == "ada"


def test_a_refused_record_leaves_the_run_free() -> None:
    refused = ingest(RUN, b"ada", 1, Refusal("too large"))
    assert refused.invocation.id != workflow_run_id("SignUp", "ada")
    assert refused.invocation.target.kind is TargetKind.WORKFLOW_SHARED
    not_utf8 = ingest(RUN, b"\xff", 2)
    assert not_utf8.refusal is not None
    assert not_utf8.invocation.target.kind is TargetKind.WORKFLOW_SHARED
