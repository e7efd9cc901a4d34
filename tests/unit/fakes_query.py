"""A store with a few of everything, and SQL over it."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from fakes_http import NOW_MS, make_schema

from odradek.protocol import messages as m
from odradek.protocol.ids import format_invocation_id
from odradek_engine.model.rows import (
    AttemptFailure,
    Completion,
    ErrorEvent,
    InboxEntry,
    Invocation,
    JournalChunk,
    Lock,
    Phase,
    Result,
    Retry,
    Source,
    SourceKind,
    Status,
)
from odradek_engine.model.target import Target, TargetKind
from odradek_engine.partition import keys
from odradek_engine.partition.routing import hash_key, new_invocation_id, partition_of, partition_of_invocation
from odradek_engine.partition.tables import partition_prefix
from odradek_engine.query.engine import QueryEngine, QueryLimits
from odradek_engine.query.store_rows import StoreRows
from odradek_engine.store.memory import MemoryStore

PARTITIONS = 4
FAILURE = AttemptFailure(500, "boom", "RT0007", "at line 1", 3, "pay", 0x0411)
SCHEMA = make_schema()


class Shelf:
    """Fills a store the way the partitions do."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.ids: dict[str, bytes] = {}

    def _put(self, table: str, partition: int, key: bytes, row: Any) -> None:
        self.store.write([(table, partition_prefix(partition) + key, msgspec.msgpack.encode(row))])

    def of_invocation(self, table: str, invocation: bytes, row: Any, rest: bytes = b"") -> None:
        self._put(table, partition_of_invocation(invocation, PARTITIONS), invocation + rest, row)

    def of_object(self, table: str, service: str, key: str, row: Any, rest: bytes = b"") -> None:
        self._put(table, partition_of(hash_key(key), PARTITIONS), keys.object_key(service, key) + rest, row)

    def invocation(
        self,
        name: str,
        target: Target,
        standing: Status | Completion,
        entries: tuple[m.Entry, ...] = (m.InputCommand((), b"1"),),
        source: Source | None = None,
        **fields: Any,
    ) -> bytes:
        """`name` is its idempotency key."""
        identifier = self.ids[name] = new_invocation_id(target, name, b"")
        made = Invocation(
            id=identifier,
            target=target,
            created_at=NOW_MS,
            source=source or Source(SourceKind.INGRESS),
            idempotency_key=name,
            completion_retention=86_400_000,
            journal_retention=0,
            **fields,
        )
        self.of_invocation("invocations", identifier, made)
        self.of_invocation("statuses" if isinstance(standing, Status) else "completions", identifier, standing)
        self.of_invocation("journal", identifier, JournalChunk(entries, NOW_MS), keys.u32(0))
        return identifier

    def text_id(self, name: str) -> str:
        return format_invocation_id(self.ids[name])


def greet() -> Target:
    return Target(TargetKind.SERVICE, "Svc", "greet")


def add(key: str) -> Target:
    return Target(TargetKind.OBJECT_EXCLUSIVE, "Obj", "add", key)


def full_shelf() -> Shelf:
    """One invocation for each way to stand, and an object with state, a holder and an inbox."""
    shelf = Shelf()
    retry = Retry(3, 3, 3, FAILURE, NOW_MS + 5000)
    again = Retry(3, 3, 3, FAILURE, None)
    awaiting = m.Future((4, 2), (17,), ("go",), (m.Future((9,)),), m.Combinator.FIRST_COMPLETED)
    failure = Result(failure=m.Failure(409, "killed"))
    shelf.invocation(
        "scheduled", greet(), Status(Phase.SCHEDULED, NOW_MS, scheduled_at=NOW_MS), execution_time=NOW_MS + 1
    )
    shelf.invocation("running", greet(), Status(Phase.INVOKED, NOW_MS, attempt=1, running_at=NOW_MS))
    shelf.invocation("retrying", greet(), Status(Phase.INVOKED, NOW_MS, attempt=4, retry=again, running_at=NOW_MS))
    shelf.invocation("backing", greet(), Status(Phase.INVOKED, NOW_MS, attempt=4, retry=retry, running_at=NOW_MS))
    shelf.invocation("suspended", greet(), Status(Phase.SUSPENDED, NOW_MS, attempt=1, awaiting=awaiting, running_at=1))
    shelf.invocation("paused", greet(), Status(Phase.PAUSED, NOW_MS, attempt=1, running_at=NOW_MS))
    shelf.invocation("done", greet(), Completion(Result(value=b"1"), NOW_MS + 7, NOW_MS + 9, NOW_MS, 10, running_at=5))
    holder = shelf.invocation("failed", add("k"), Completion(failure, NOW_MS, NOW_MS, NOW_MS, 10, running_at=5))
    caller = Source(SourceKind.SERVICE, shelf.ids["done"], greet())
    waiting = shelf.invocation("inboxed", add("k"), Status(Phase.INBOXED, NOW_MS, inboxed_at=NOW_MS), source=caller)
    shelf.of_invocation("errors", shelf.ids["backing"], ErrorEvent("TransientError", 0, NOW_MS, FAILURE), keys.u32(0))
    shelf.of_invocation("errors", shelf.ids["paused"], ErrorEvent("Paused", 0, NOW_MS, FAILURE), keys.u32(0))
    shelf.of_object("state", "Obj", "k", b"5", b"n")
    shelf.of_object("state", "Obj", "k", b"\xff\x00", b"raw")
    shelf.of_object("state", "Obj", "other", b"{}", b"n")
    shelf.of_object("state", "Object", "k", b"1", b"n")
    shelf.of_object("locks", "Obj", "k", Lock(holder, 3, 4))
    shelf.of_object("inbox", "Obj", "k", InboxEntry(waiting, NOW_MS), keys.u64(3))
    return shelf


def make_engine(shelf: Shelf, limits: QueryLimits | None = None) -> QueryEngine:
    return QueryEngine(lambda: StoreRows(shelf.store.snapshot(), PARTITIONS, SCHEMA), "0.1.0", limits)


def query(shelf: Shelf, sql: str, limits: QueryLimits | None = None) -> list[dict[str, Any]]:
    engine = make_engine(shelf, limits)
    try:
        return asyncio.run(engine.rows(sql))
    finally:
        engine.close()
