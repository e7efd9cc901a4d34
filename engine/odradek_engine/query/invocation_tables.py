"""Tables of invocations: `sys_invocation` (how one stands), `sys_invocation_status` (as it is stored),
`sys_invocation_state` (those with an attempt under way or in sight)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from msgspec.structs import replace

from odradek.protocol.ids import format_invocation_id
from odradek.protocol.messages import Combinator, Future
from odradek_engine.model.rows import AttemptFailure, Phase, Retry, SourceKind
from odradek_engine.query.entry_json import command_type_name, future_json, is_command
from odradek_engine.query.registry_tables import SERVICE_TYPES
from odradek_engine.query.source import InvocationRow
from odradek_engine.query.tables import Column, Context, Kind, Table, Wanted, id_hash, nothing

Read = Callable[[InvocationRow, Context], Any]

_PHASES: Final = {
    Phase.SCHEDULED: "scheduled",
    Phase.INBOXED: "inboxed",
    Phase.INVOKED: "invoked",
    Phase.SUSPENDED: "suspended",
    Phase.PAUSED: "paused",
}
_SHOWN_PHASES: Final = _PHASES | {Phase.INBOXED: "pending"}
_SOURCES: Final = {
    SourceKind.INGRESS: "ingress",
    SourceKind.SERVICE: "service",
    SourceKind.SUBSCRIPTION: "subscription",
    SourceKind.RESTART: "restart_as_new",
}
_CODE_NAMES: Final = {500: "500 Internal", 570: "570 Journal mismatch", 571: "571 Protocol violation"}


_TREE_VERSION: Final = 7
"""Of the service protocol: what older versions wait for is a list, of which any one is enough."""


def _rows(context: Context, wanted: Wanted) -> Iterator[InvocationRow]:
    return context.source.invocations(wanted.ids())


def _live_rows(context: Context, wanted: Wanted) -> Iterator[InvocationRow]:
    rows = context.source.invocations(wanted.ids())
    return (row for row in rows if row.status is not None and row.status.phase is Phase.INVOKED)


# --- standing ---


def _stored_status(row: InvocationRow, _: Context) -> str:
    return "completed" if row.status is None else _PHASES[row.status.phase]


def _shown_status(row: InvocationRow, _: Context) -> str:
    if row.status is None:
        return "completed"
    if row.status.phase is not Phase.INVOKED:
        return _SHOWN_PHASES[row.status.phase]
    return "backing-off" if _next_retry_at(row) is not None else "running"


def _retry(row: InvocationRow) -> Retry | None:
    return row.status.retry if row.status is not None and row.status.phase is Phase.INVOKED else None


def _next_retry_at(row: InvocationRow) -> int | None:
    retry = _retry(row)
    return retry.next_retry_at if retry is not None else None


def _retry_count(row: InvocationRow, _: Context) -> int | None:
    """Attempts begun since the invocation was last started or resumed; null where none can be under way."""
    if row.status is None or row.status.phase is not Phase.INVOKED:
        return None
    retry = row.status.retry
    failed = retry.count if retry is not None else 0
    return failed if _next_retry_at(row) is not None else failed + 1


def _last_failure(row: InvocationRow) -> AttemptFailure | None:
    retry = _retry(row)
    return retry.last_failure if retry is not None else None


def _failure_text(row: InvocationRow, _: Context) -> str | None:
    failure = _last_failure(row)
    if failure is None:
        return None
    text = f"[{_CODE_NAMES.get(failure.code, failure.code)}] {failure.message}"
    return f"{text}\n{failure.stacktrace}" if failure.stacktrace else text


def _failure_field(name: str) -> Read:
    return lambda row, _: getattr(_last_failure(row), name, None)


def _related_type(row: InvocationRow, _: Context) -> str | None:
    failure = _last_failure(row)
    return command_type_name(failure.related_command_type) if failure is not None else None


def _completion_result(row: InvocationRow, _: Context) -> str | None:
    if row.completion is None:
        return None
    return "success" if row.completion.result.failure is None else "failure"


def _completion_failure(row: InvocationRow, _: Context) -> str | None:
    failure = row.completion.result.failure if row.completion is not None else None
    return f"[{failure.code}] {failure.message}" if failure is not None else None


# --- what it is ---


def _text_of(invocation: bytes | None) -> str | None:
    return None if invocation is None else format_invocation_id(invocation)


def _source(name: str) -> Read:
    def read(row: InvocationRow, _: Context) -> Any:
        source = row.invocation.source
        restarted = source.kind is SourceKind.RESTART
        match name:
            case "kind":
                return _SOURCES[source.kind]
            case "id":
                return None if restarted else _text_of(source.invocation)
            case "restarted":
                return _text_of(source.invocation) if restarted else None
            case "service":
                return None if source.target is None else source.target.service
            case "target":
                return None if source.target is None else str(source.target)
            case _:
                return source.subscription

    return read


def _service_type(row: InvocationRow, context: Context) -> str:
    service = context.source.schema.services.get(row.invocation.target.service)
    if service is not None:
        return SERVICE_TYPES[service.manifest.ty]
    target = row.invocation.target
    if target.of_workflow:
        return "workflow"
    return "virtual_object" if target.keyed else "service"


def _ran_on(row: InvocationRow, context: Context) -> tuple[str, int] | None:
    """Deployment and protocol version of the last attempt; None before the first."""
    standing = row.status or row.completion
    if standing is None or standing.running_at is None:
        return None
    if standing.deployment:
        return standing.deployment, standing.protocol_version
    schema = context.source.schema
    service = schema.services.get(row.invocation.target.service)
    deployment = None if service is None else schema.deployments.get(service.deployment)
    if deployment is None or not deployment.in_process:
        return None
    return deployment.id, deployment.max_protocol_version


def _pinned_to(row: InvocationRow, context: Context) -> tuple[str, int] | None:
    """The same, once later attempts must run there too."""
    status = row.status
    return None if status is not None and status.deployment and not status.pinned else _ran_on(row, context)


def _runs_on(row: InvocationRow, context: Context) -> tuple[str, int] | None:
    """The same, while an attempt is under way or backs off."""
    live = row.status is not None and row.status.phase is Phase.INVOKED
    return _ran_on(row, context) if live else None


def _first_of(ran_on: Callable[[InvocationRow, Context], tuple[str, int] | None]) -> Read:
    def read(row: InvocationRow, context: Context) -> str | None:
        found = ran_on(row, context)
        return None if found is None else found[0]

    return read


def _last_server(row: InvocationRow, context: Context) -> str | None:
    """The SDK of the deployment that the last attempt runs on, as that has said."""
    found = _runs_on(row, context)
    deployment = None if found is None else context.source.schema.deployments.get(found[0])
    return (deployment.sdk_version or None) if deployment is not None else None


def _last_start(row: InvocationRow, _: Context) -> int | None:
    return row.status.started_at if row.status is not None and row.status.phase is Phase.INVOKED else None


def _protocol_version(row: InvocationRow, context: Context) -> int | None:
    found = _pinned_to(row, context)
    return None if found is None else found[1]


def _journal_size(row: InvocationRow, context: Context, commands_only: bool) -> int | None:
    if row.status is not None and row.status.phase in (Phase.SCHEDULED, Phase.INBOXED):
        return None
    size = 0
    for _, _, chunk in context.source.journal((row.invocation.id,)):
        size += sum(map(is_command, chunk.entries)) if commands_only else len(chunk.entries)
    return size


# --- times ---


def _modified_at(row: InvocationRow, _: Context) -> int | None:
    if row.status is not None:
        return row.status.modified_at
    return row.completion.completed_at if row.completion is not None else None


def _time(name: str) -> Read:
    return lambda row, _: getattr(row.status or row.completion, name, None)


# --- waiting ---


def _awaiting(row: InvocationRow) -> Future | None:
    return row.status.awaiting if row.status is not None and row.status.phase is Phase.SUSPENDED else None


def _waiting_for(name: str) -> Read:
    def read(row: InvocationRow, _: Context) -> list[int] | None:
        future = _awaiting(row)
        return None if future is None else sorted(_leaves(future, name))

    return read


def _leaves(future: Future, name: str) -> set[int]:
    found = set(getattr(future, name))
    return found.union(*(_leaves(nested, name) for nested in future.nested_futures))


def _waiting_future(row: InvocationRow, _: Context) -> str | None:
    future = _awaiting(row)
    if future is None:
        return None
    assert row.status is not None
    if row.status.deployment and row.status.protocol_version < _TREE_VERSION:
        future = replace(future, combinator=Combinator.UNKNOWN)
    return future_json(future)


# --- the tables ---

_IDENTITY: Final = (
    Column("id", Kind.TEXT, lambda row, _: format_invocation_id(row.invocation.id)),
    Column("vqueue_id", Kind.TEXT, nothing),
)
_TARGET: Final = (
    Column("target", Kind.TEXT, lambda row, _: str(row.invocation.target)),
    Column("target_service_name", Kind.TEXT, lambda row, _: row.invocation.target.service),
    Column(
        "target_service_key",
        Kind.TEXT,
        lambda row, _: row.invocation.target.key if row.invocation.target.keyed else None,
    ),
    Column("target_handler_name", Kind.TEXT, lambda row, _: row.invocation.target.handler),
    Column("target_service_ty", Kind.TEXT, _service_type),
    Column("scope", Kind.TEXT, nothing),
    Column("limit_key", Kind.TEXT, nothing),
    Column("idempotency_key", Kind.TEXT, lambda row, _: row.invocation.idempotency_key),
)
_BY: Final = {
    "invoked_by": Column("invoked_by", Kind.TEXT, _source("kind")),
    "id": Column("invoked_by_id", Kind.TEXT, _source("id")),
    "subscription": Column("invoked_by_subscription_id", Kind.TEXT, _source("subscription")),
    "service": Column("invoked_by_service_name", Kind.TEXT, _source("service")),
    "target": Column("invoked_by_target", Kind.TEXT, _source("target")),
}
_LIFE: Final = (
    Column("restarted_from", Kind.TEXT, _source("restarted")),
    Column("pinned_deployment_id", Kind.TEXT, _first_of(_pinned_to)),
    Column("pinned_service_protocol_version", Kind.UINT32, _protocol_version),
    Column("trace_id", Kind.TEXT, nothing),
    Column("journal_size", Kind.UINT32, partial(_journal_size, commands_only=False)),
    Column("journal_commands_size", Kind.UINT32, partial(_journal_size, commands_only=True)),
    Column("created_at", Kind.TIMESTAMP, lambda row, _: row.invocation.created_at),
    Column("created_using_restate_version", Kind.TEXT, lambda _, context: context.version),
    Column("modified_at", Kind.TIMESTAMP, _modified_at),
    Column("inboxed_at", Kind.TIMESTAMP, _time("inboxed_at")),
    Column("scheduled_at", Kind.TIMESTAMP, _time("scheduled_at")),
    Column("scheduled_start_at", Kind.TIMESTAMP, lambda row, _: row.invocation.execution_time or None),
    Column("running_at", Kind.TIMESTAMP, _time("running_at")),
    Column("completed_at", Kind.TIMESTAMP, _time("completed_at")),
    Column("completion_retention", Kind.DURATION, lambda row, _: row.invocation.completion_retention),
    Column("journal_retention", Kind.DURATION, lambda row, _: row.invocation.journal_retention),
    Column("suspended_waiting_for_completions", Kind.UINT32S, _waiting_for("waiting_completions")),
    Column("suspended_waiting_for_signals", Kind.UINT32S, _waiting_for("waiting_signals")),
    Column("suspended_waiting_future_json", Kind.TEXT, _waiting_future),
)
_STARTED: Final = (
    Column("retry_count", Kind.UINT64, _retry_count),
    Column("last_start_at", Kind.TIMESTAMP, _last_start),
)
_NEXT_RETRY: Final = Column("next_retry_at", Kind.TIMESTAMP, lambda row, _: _next_retry_at(row))
_RUN_ON: Final = (
    Column("last_attempt_deployment_id", Kind.TEXT, _first_of(_runs_on)),
    Column("last_attempt_server", Kind.TEXT, _last_server),
)
_FAILED: Final = (
    Column("last_failure", Kind.TEXT, _failure_text),
    Column("last_failure_error_code", Kind.TEXT, _failure_field("error_code")),
)
_RELATED_ENTRY: Final = (
    Column("last_failure_related_entry_index", Kind.UINT64, nothing),
    Column("last_failure_related_entry_name", Kind.TEXT, nothing),
    Column("last_failure_related_entry_type", Kind.TEXT, nothing),
)
_RELATED_COMMAND: Final = (
    Column("last_failure_related_command_index", Kind.UINT64, _failure_field("related_command_index")),
    Column("last_failure_related_command_name", Kind.TEXT, _failure_field("related_command_name")),
    Column("last_failure_related_command_type", Kind.TEXT, _related_type),
)
_LIVE_AWAITING: Final = Column("last_awaiting_on_future_json", Kind.TEXT, nothing)
_OUTCOME: Final = (
    Column("completion_result", Kind.TEXT, _completion_result),
    Column("completion_failure", Kind.TEXT, _completion_failure),
)

INVOCATION: Final = Table(
    "sys_invocation",
    (
        *_IDENTITY,
        *_TARGET,
        *(_BY[name] for name in ("invoked_by", "service", "id", "subscription", "target")),
        *_LIFE,
        *_STARTED,
        _NEXT_RETRY,
        *_RUN_ON,
        *_FAILED,
        *_RELATED_ENTRY,
        *_RELATED_COMMAND,
        _LIVE_AWAITING,
        Column("status", Kind.TEXT, _shown_status),
        *_OUTCOME,
    ),
    _rows,
)

INVOCATION_STATUS: Final = Table(
    "sys_invocation_status",
    (
        Column("partition_key", Kind.UINT64, lambda row, _: id_hash(row.invocation.id)),
        *_IDENTITY,
        Column("status", Kind.TEXT, _stored_status),
        *_OUTCOME,
        *_TARGET,
        *(_BY[name] for name in ("invoked_by", "id", "subscription", "service", "target")),
        *_LIFE,
    ),
    _rows,
)

INVOCATION_STATE: Final = Table(
    "sys_invocation_state",
    (
        Column("partition_key", Kind.UINT64, lambda row, _: id_hash(row.invocation.id)),
        _IDENTITY[0],
        Column("in_flight", Kind.BOOLEAN, lambda row, _: _next_retry_at(row) is None),
        *_STARTED,
        *_RUN_ON,
        _NEXT_RETRY,
        *_FAILED,
        *_RELATED_COMMAND,
        *_RELATED_ENTRY,
        _LIVE_AWAITING,
    ),
    _live_rows,
)
