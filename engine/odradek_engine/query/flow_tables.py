"""Tables of flow control: rules, limits, virtual queues, their scheduler.

There is no flow control yet, so they have no rows; they have Restate's columns, so that tools that ask for them are
answered.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from odradek_engine.query.tables import Column, Context, Kind, Table, Wanted, nothing

_BLOCKS: Final = (
    "invoker_concurrency",
    "throttling_rules",
    "invoker_throttling",
    "invoker_memory",
    "concurrency_rules",
    "lock",
    "deployment_concurrency",
)
"""What may hold an invocation back."""


def _none(_context: Context, _wanted: Wanted) -> Iterator[Any]:
    return iter(())


def _columns(kind: Kind, *names: str) -> tuple[Column, ...]:
    return tuple(Column(name, kind, nothing) for name in names)


_PARTITION_KEY: Final = _columns(Kind.UINT64, "partition_key")
_HISTORY: Final = (
    *_columns(Kind.TIMESTAMP, "created_at", "transitioned_at"),
    *_columns(Kind.UINT32, "num_attempts", "num_errors", "num_pauses", "num_suspensions", "num_yields"),
    *_columns(Kind.TIMESTAMP, "first_attempt_at", "latest_attempt_at", "first_runnable_at"),
    *_columns(Kind.TEXT, "deployment"),
)

RULES: Final = Table(
    "sys_rules",
    (
        *_columns(Kind.TEXT, "pattern"),
        *_columns(Kind.UINT32, "concurrency"),
        *_columns(Kind.TEXT, "description"),
        *_columns(Kind.BOOLEAN, "disabled"),
        *_columns(Kind.UINT32, "version"),
        *_columns(Kind.TIMESTAMP, "last_modified"),
    ),
    _none,
)

USER_LIMITS: Final = Table(
    "sys_user_limits",
    (
        *_PARTITION_KEY,
        *_columns(Kind.TEXT, "scope", "l1", "l2", "level"),
        *_columns(Kind.UINT32, "usage", "concurrency_limit"),
        *_columns(Kind.TEXT, "rule_pattern"),
        *_columns(Kind.UINT32, "available"),
        *_columns(Kind.UINT64, "num_waiters"),
    ),
    _none,
)

VQUEUE_META: Final = Table(
    "sys_vqueue_meta",
    (
        *_PARTITION_KEY,
        *_columns(Kind.TEXT, "id"),
        *_columns(Kind.BOOLEAN, "is_active", "queue_is_paused"),
        *_columns(Kind.TEXT, "service_name", "scope", "limit_key", "lock_name"),
        *_columns(
            Kind.TIMESTAMP, "created_at", "last_enqueued_at", "last_start_at", "last_attempt_at", "last_finish_at"
        ),
        *_columns(Kind.DURATION, "avg_queue_duration", "avg_inbox_duration", "avg_run_duration"),
        *_columns(Kind.DURATION, "avg_suspension_duration", "avg_end_to_end_duration"),
        *_columns(Kind.DURATION, "avg_blocked_on_concurrency_rules", "avg_blocked_on_invoker_concurrency"),
        *_columns(Kind.DURATION, "avg_blocked_on_invoker_throttling", "avg_blocked_on_lock"),
        *_columns(Kind.UINT64, "num_inbox", "num_running", "num_suspended", "num_paused", "num_finished"),
    ),
    _none,
)

VQUEUES: Final = Table(
    "sys_vqueues",
    (
        *_PARTITION_KEY,
        *_columns(Kind.TEXT, "id", "stage", "status"),
        *_columns(Kind.BOOLEAN, "has_lock"),
        *_columns(Kind.TIMESTAMP, "run_at"),
        *_columns(Kind.UINT64, "sequence_number"),
        *_columns(Kind.TEXT, "entry_id", "entry_kind"),
        *_HISTORY,
    ),
    _none,
)

VQUEUE_ENTRY_STATUS: Final = Table(
    "sys_vqueue_entry_status",
    (
        *_PARTITION_KEY,
        *_columns(Kind.TEXT, "entry_id", "vqueue_id", "stage", "status"),
        *_columns(Kind.BOOLEAN, "has_lock"),
        *_columns(Kind.TIMESTAMP, "next_at"),
        *_columns(Kind.UINT64, "sequence_number"),
        *_columns(Kind.TEXT, "entry_kind"),
        *_HISTORY,
        *_columns(Kind.UINT64, "needed_memory"),
        *_columns(Kind.UINT32, "retry_attempts", "retry_count_since_last_stored_command"),
        *_columns(Kind.DURATION, *(f"latest_attempt_blocked_on_{block}" for block in _BLOCKS)),
        *_columns(Kind.DURATION, *(f"total_blocked_on_{block}" for block in _BLOCKS)),
    ),
    _none,
)

SCHEDULER: Final = Table(
    "sys_scheduler",
    (
        *_PARTITION_KEY,
        *_columns(Kind.TEXT, "id"),
        *_columns(Kind.UINT64, "num_inbox"),
        *_columns(Kind.TEXT, "status", "head_entry_id"),
        *_columns(Kind.TIMESTAMP, "scheduled_at"),
        *_columns(Kind.TEXT, "blocked_on", "blocked_on_json"),
        *_columns(Kind.DURATION, *(f"{block}_block_duration" for block in _BLOCKS)),
    ),
    _none,
)

FLOW_TABLES: Final = (RULES, USER_LIMITS, VQUEUE_META, VQUEUES, VQUEUE_ENTRY_STATUS, SCHEDULER)
