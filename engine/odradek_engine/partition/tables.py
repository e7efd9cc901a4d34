"""The tables of one partition."""

from __future__ import annotations

from typing import Any, Final

from odradek.protocol.messages import Entry
from odradek_engine.model.commands import PartitionMessage
from odradek_engine.model.registry import Deployment, RegisteredService
from odradek_engine.model.rows import (
    Caller,
    Completion,
    ErrorEvent,
    InboxEntry,
    Invocation,
    JournalChunk,
    KafkaCluster,
    Lock,
    Promise,
    SourceCommit,
    SourcePosition,
    Status,
    Subscription,
    Timer,
)
from odradek_engine.partition.groups import GroupedTable
from odradek_engine.partition.journal_summary import JournalSummary
from odradek_engine.partition.keys import u32
from odradek_engine.partition.overlay import Changes, Table, Writes
from odradek_engine.store.port import StoreReader

ROW_TYPES: Final[dict[str, Any]] = {
    "invocations": Invocation,
    "statuses": Status,
    "completions": Completion,
    "journal": JournalChunk,
    "errors": ErrorEvent,
    "callers": Caller,
    "state": bytes,
    "locks": Lock,
    "inbox": InboxEntry,
    "timers": Timer,
    "expiry": int,
    "outbox": PartitionMessage,
    "sequences": int,
    "sources": SourcePosition,
    "commits": SourceCommit,
    "rejected": tuple[bytes, str, int],
    "counters": int,
    "deployments": Deployment,
    "services": RegisteredService,
    "clusters": KafkaCluster,
    "subscriptions": Subscription,
    "promises": Promise,
    "waiters": Caller,
}
"""Every table and what its rows are."""

OFTEN_MISSED: Final = frozenset(("statuses", "completions", "locks"))
"""Tables that every new request is looked up in, mostly in vain."""

KEEP_ROWS: Final = 4_000
"""How many rows of the busiest tables stay in memory after they are stored."""
KEEP_JOURNAL_BYTES: Final = 8 * 1024 * 1024
KEEP_STATE_BYTES: Final = 32 * 1024 * 1024

RETAINED_BYTES: Final = b"retained_bytes"
REJECTED_COUNT: Final = b"rejected"
REJECTED_KEPT_MAX: Final = 100
"""So many rejected commands are kept, whole; a further one takes the place of the oldest."""


def partition_prefix(partition: int) -> bytes:
    """What every key of a partition begins with."""
    return partition.to_bytes(2, "big")


class Tables:
    """All tables of one partition, over a store that partitions share."""

    def __init__(self, partition: int, store: StoreReader) -> None:
        prefix = partition_prefix(partition)
        self._writes = Writes()

        def table(name: str, keep: int = 0) -> Table[Any]:
            return Table(name, ROW_TYPES[name], prefix, store, self._writes, keep=keep)

        def grouped(name: str, keep_bytes: int = 0) -> GroupedTable[Any]:
            return GroupedTable(name, ROW_TYPES[name], prefix, store, self._writes, keep_bytes=keep_bytes)

        self.invocations: Table[Invocation] = table("invocations", KEEP_ROWS)
        self.statuses: Table[Status] = table("statuses", KEEP_ROWS)
        self.completions: Table[Completion] = table("completions")
        self.journal: GroupedTable[JournalChunk] = grouped("journal", KEEP_JOURNAL_BYTES)
        self.errors: GroupedTable[ErrorEvent] = grouped("errors")
        self.callers: GroupedTable[Caller] = grouped("callers")
        self.state: GroupedTable[bytes] = grouped("state", KEEP_STATE_BYTES)
        self.promises: GroupedTable[Promise] = grouped("promises")
        self.waiters: GroupedTable[Caller] = grouped("waiters")
        """Who waits for open promises."""
        self.locks: Table[Lock] = table("locks", KEEP_ROWS)
        self.inbox: Table[InboxEntry] = table("inbox", KEEP_ROWS)
        self.timers: Table[Timer] = table("timers")
        self.expiry: Table[int] = table("expiry")
        self.expiry_from = b""
        """No row of `expiry` stands before this key: what was deleted there need not be passed over again."""
        self.outbox: Table[PartitionMessage] = table("outbox")
        self.sequences: Table[int] = table("sequences", KEEP_ROWS)
        self.sources: Table[SourcePosition] = table("sources", KEEP_ROWS)
        self.commits: Table[SourceCommit] = table("commits", KEEP_ROWS)
        self.rejected: Table[tuple[bytes, str, int]] = table("rejected")
        self.counters: Table[int] = table("counters", KEEP_ROWS)
        self.deployments: Table[Deployment] = table("deployments", KEEP_ROWS)
        self.services: Table[RegisteredService] = table("services", KEEP_ROWS)
        self.clusters: Table[KafkaCluster] = table("clusters", KEEP_ROWS)
        self.subscriptions: Table[Subscription] = table("subscriptions", KEEP_ROWS)

    def record_in(self, changes: Changes) -> None:
        """From now on writes belong to this turn."""
        self._writes.entries = changes.entries

    def invocation(self, invocation_id: bytes) -> Invocation:
        """One that has a status or a completion."""
        row = self.invocations.get(invocation_id)
        assert row is not None
        return row

    def journal_summary(self, invocation: bytes) -> JournalSummary:
        """What must be known of a journal to go on with it."""
        summary: JournalSummary = self.journal.derived(invocation, _summarise)
        return summary

    def journal_entries(self, invocation: bytes) -> tuple[Entry, ...]:
        """A whole journal in order."""
        chunks = self.journal.rows(invocation)
        if len(chunks) == 1:
            return chunks[0][1].entries
        return tuple(entry for _, chunk in chunks for entry in chunk.entries)

    def put_expiry(self, key: bytes, retained_bytes: int) -> None:
        """Adds to those that expire; for `apply` only."""
        self.expiry.put(key, retained_bytes)
        self.expiry_from = min(self.expiry_from, key)

    def append_journal(self, invocation: bytes, first_index: int, chunk: JournalChunk) -> None:
        """Adds a chunk at its index; for `apply` only."""
        self.journal.put(invocation, u32(first_index), chunk, first=first_index == 0)
        summary: JournalSummary | None = self.journal.derived_now(invocation)
        if summary is not None and summary.next_index == first_index:
            summary.extend(chunk.entries)


def _summarise(chunks: list[tuple[bytes, JournalChunk]]) -> JournalSummary:
    summary = JournalSummary()
    for _, chunk in chunks:
        summary.extend(chunk.entries)
    return summary
