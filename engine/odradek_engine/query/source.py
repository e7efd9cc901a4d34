"""Where SQL gets its rows from: one moment of all partitions, read from a worker thread."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple, Protocol

from odradek_engine.model.registry import Schema
from odradek_engine.model.rows import (
    Completion,
    ErrorEvent,
    InboxEntry,
    Invocation,
    JournalChunk,
    Lock,
    Promise,
    Status,
)


class InvocationRow(NamedTuple):
    """An invocation: unfinished with a status, finished with a completion."""

    invocation: Invocation
    status: Status | None
    completion: Completion | None


class ChunkRow(NamedTuple):
    """Journal entries of an invocation, the first at `first_index`."""

    invocation: bytes
    first_index: int
    chunk: JournalChunk


class ErrorRow(NamedTuple):
    """Something that befell an invocation."""

    invocation: bytes
    event: ErrorEvent


class StateRow(NamedTuple):
    """One value of an object."""

    service: str
    key: str
    name: bytes
    value: bytes


class PromiseRow(NamedTuple):
    """A promise of a workflow."""

    service: str
    key: str
    name: bytes
    promise: Promise


class InboxRow(NamedTuple):
    """An invocation that waits for its object."""

    service: str
    key: str
    sequence: int
    entry: InboxEntry


class LockRow(NamedTuple):
    """Who holds an object."""

    service: str
    key: str
    lock: Lock


class RowSource(Protocol):
    """Rows of one moment.

    `ids` None means all invocations. `service` and `key` None mean all; a key goes with its service.
    """

    @property
    def schema(self) -> Schema:
        """What was registered then."""

    def invocations(self, ids: Collection[bytes] | None) -> Iterator[InvocationRow]:
        """Invocations, those under way and those kept."""

    def journal(self, ids: Collection[bytes] | None) -> Iterator[ChunkRow]:
        """Journals; the chunks of one stand together, in order."""

    def errors(self, ids: Collection[bytes] | None) -> Iterator[ErrorRow]:
        """Failed attempts and pauses."""

    def state(self, service: str | None, key: str | None) -> Iterator[StateRow]:
        """State of objects."""

    def promises(self, service: str | None, key: str | None) -> Iterator[PromiseRow]:
        """Promises of workflows, those that are awaited and those that are completed."""

    def inbox(self, service: str | None, key: str | None) -> Iterator[InboxRow]:
        """Invocations in the inboxes of objects."""

    def locks(self, service: str | None, key: str | None) -> Iterator[LockRow]:
        """Holders of objects."""

    def close(self) -> None:
        """Lets the moment go."""
