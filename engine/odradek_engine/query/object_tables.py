"""Tables of objects and workflows: `state`, `sys_promise`, `sys_inbox`, `sys_keyed_service_status`, `sys_locks`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from odradek.protocol.ids import format_invocation_id
from odradek_engine.query.source import InboxRow, LockRow, PromiseRow, StateRow
from odradek_engine.query.tables import Column, Context, Kind, Table, Wanted, key_hash, nothing


def _state_rows(context: Context, wanted: Wanted) -> Iterator[StateRow]:
    return context.source.state(wanted.only("service_name"), wanted.only("service_key"))


def _promise_rows(context: Context, wanted: Wanted) -> Iterator[PromiseRow]:
    return context.source.promises(wanted.only("service_name"), wanted.only("service_key"))


def _inbox_rows(context: Context, wanted: Wanted) -> Iterator[InboxRow]:
    return context.source.inbox(wanted.only("service_name"), wanted.only("service_key"))


def _lock_rows(context: Context, wanted: Wanted) -> Iterator[LockRow]:
    return context.source.locks(wanted.only("service_name"), wanted.only("service_key"))


def _utf8(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


STATE: Final = Table(
    "state",
    (
        Column("partition_key", Kind.UINT64, lambda row, _: key_hash(row.key)),
        Column("scope", Kind.TEXT, nothing),
        Column("service_name", Kind.TEXT, lambda row, _: row.service),
        Column("service_key", Kind.TEXT, lambda row, _: row.key),
        Column("key", Kind.TEXT, lambda row, _: row.name.decode("utf-8", "backslashreplace")),
        Column("key_length", Kind.UINT64, lambda row, _: len(row.name)),
        Column("value_utf8", Kind.TEXT, lambda row, _: _utf8(row.value)),
        Column("value", Kind.BYTES, lambda row, _: row.value),
        Column("value_length", Kind.UINT64, lambda row, _: len(row.value)),
    ),
    _state_rows,
)


def _completed_value(row: PromiseRow, _: Context) -> bytes | None:
    return None if row.promise.result is None else row.promise.result.value


def _completed_text(row: PromiseRow, context: Context) -> str | None:
    value = _completed_value(row, context)
    return None if value is None else _utf8(value)


def _completed_failure(row: PromiseRow, _: Context) -> str | None:
    failure = None if row.promise.result is None else row.promise.result.failure
    return None if failure is None else f"[{failure.code}] {failure.message}"


PROMISE: Final = Table(
    "sys_promise",
    (
        Column("partition_key", Kind.UINT64, lambda row, _: key_hash(row.key)),
        Column("scope", Kind.TEXT, nothing),
        Column("service_name", Kind.TEXT, lambda row, _: row.service),
        Column("service_key", Kind.TEXT, lambda row, _: row.key),
        Column("key", Kind.TEXT, lambda row, _: row.name.decode()),
        Column("completed", Kind.BOOLEAN, lambda row, _: row.promise.result is not None),
        Column("completion_success_value", Kind.BYTES, _completed_value),
        Column("completion_success_value_utf8", Kind.TEXT, _completed_text),
        Column("completion_failure", Kind.TEXT, _completed_failure),
    ),
    _promise_rows,
)

INBOX: Final = Table(
    "sys_inbox",
    (
        Column("partition_key", Kind.UINT64, lambda row, _: key_hash(row.key)),
        Column("service_name", Kind.TEXT, lambda row, _: row.service),
        Column("service_key", Kind.TEXT, lambda row, _: row.key),
        Column("id", Kind.TEXT, lambda row, _: format_invocation_id(row.entry.invocation)),
        Column("sequence_number", Kind.UINT64, lambda row, _: row.sequence),
        Column("created_at", Kind.TIMESTAMP, lambda row, _: row.entry.at),
    ),
    _inbox_rows,
)

KEYED_SERVICE_STATUS: Final = Table(
    "sys_keyed_service_status",
    (
        Column("partition_key", Kind.UINT64, lambda row, _: key_hash(row.key)),
        Column("service_name", Kind.TEXT, lambda row, _: row.service),
        Column("service_key", Kind.TEXT, lambda row, _: row.key),
        Column("invocation_id", Kind.TEXT, lambda row, _: format_invocation_id(row.lock.holder)),
    ),
    _lock_rows,
)

LOCKS: Final = Table(
    "sys_locks",
    (
        Column("partition_key", Kind.UINT64, lambda row, _: key_hash(row.key)),
        Column("scope", Kind.TEXT, nothing),
        Column("lock_name", Kind.TEXT, lambda row, _: f"{row.service}/{row.key}"),
        Column("acquired_at", Kind.TIMESTAMP, nothing),
        Column("acquired_by", Kind.TEXT, lambda row, _: format_invocation_id(row.lock.holder)),
    ),
    _lock_rows,
)
