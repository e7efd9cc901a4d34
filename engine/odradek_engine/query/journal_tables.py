"""Tables of journals: `sys_journal`, `sys_journal_events`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from odradek.protocol.codec import CODECS, MAX_VERSION
from odradek.protocol.framing import HEADER
from odradek.protocol.ids import format_invocation_id
from odradek.protocol.messages import CallInvocationIdCompletion, Entry
from odradek_engine.query.entry_json import entry_json, entry_name, entry_type, event_json
from odradek_engine.query.source import ErrorRow
from odradek_engine.query.tables import Column, Context, Kind, Table, Wanted, id_hash, nothing

JOURNAL_VERSION: Final = 2


class _EntryRow(NamedTuple):
    invocation: bytes
    at: int
    entry: Entry
    appended_at: int
    callees: dict[int, str]
    """Of the same stretch: a call and its callee's id are always appended together."""


def _entries(context: Context, wanted: Wanted) -> Iterator[_EntryRow]:
    for invocation, first_index, chunk in context.source.journal(wanted.ids()):
        callees = {
            entry.completion_id: entry.invocation_id
            for entry in chunk.entries
            if isinstance(entry, CallInvocationIdCompletion)
        }
        for index, entry in enumerate(chunk.entries, first_index):
            yield _EntryRow(invocation, index, entry, chunk.appended_at, callees)


def _raw(entry: Entry) -> bytes:
    """The entry as it goes over the wire, without its frame's header."""
    return CODECS[MAX_VERSION].encode(entry)[HEADER.size :]


def _json(lite: bool) -> Any:
    return lambda row, context: entry_json(row.entry, row.callees, context.source.schema, lite)


JOURNAL: Final = Table(
    "sys_journal",
    (
        Column("partition_key", Kind.UINT64, lambda row, _: id_hash(row.invocation)),
        Column("id", Kind.TEXT, lambda row, _: format_invocation_id(row.invocation)),
        Column("index", Kind.UINT32, lambda row, _: row.at),
        Column("entry_type", Kind.TEXT, lambda row, _: entry_type(row.entry)),
        Column("name", Kind.TEXT, lambda row, _: entry_name(row.entry)),
        Column("completed", Kind.BOOLEAN, nothing),
        Column("invoked_id", Kind.TEXT, nothing),
        Column("invoked_target", Kind.TEXT, nothing),
        Column("sleep_wakeup_at", Kind.TIMESTAMP, nothing),
        Column("promise_name", Kind.TEXT, nothing),
        Column("raw", Kind.BYTES, lambda row, _: _raw(row.entry)),
        Column("raw_length", Kind.UINT64, lambda row, _: len(_raw(row.entry))),
        Column("version", Kind.UINT32, lambda _row, _: JOURNAL_VERSION),
        Column("entry_json", Kind.TEXT, _json(lite=False)),
        Column("entry_lite_json", Kind.TEXT, _json(lite=True)),
        Column("appended_at", Kind.TIMESTAMP, lambda row, _: row.appended_at),
    ),
    _entries,
)


def _events(context: Context, wanted: Wanted) -> Iterator[ErrorRow]:
    return context.source.errors(wanted.ids())


JOURNAL_EVENTS: Final = Table(
    "sys_journal_events",
    (
        Column("partition_key", Kind.UINT64, lambda row, _: id_hash(row.invocation)),
        Column("id", Kind.TEXT, lambda row, _: format_invocation_id(row.invocation)),
        Column("after_journal_entry_index", Kind.UINT32, lambda row, _: row.event.after_entry_index),
        Column("appended_at", Kind.TIMESTAMP, lambda row, _: row.event.at),
        Column("event_type", Kind.TEXT, lambda row, _: row.event.kind),
        Column("event_json", Kind.TEXT, lambda row, _: event_json(row.event)),
    ),
    _events,
)
