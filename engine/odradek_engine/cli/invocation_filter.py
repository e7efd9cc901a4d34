"""Which invocations a command means, as a condition in SQL.

A target is an id (`inv_...`), a service (`Account`), a service's handler or an object (`Greeter/greet`,
`Account/ada`), or an object's handler (`Account/ada/pay`; the key may have slashes of its own).
"""

from __future__ import annotations

from typing import Final

import click

STATUSES: Final = ("pending", "scheduled", "ready", "running", "backing-off", "suspended", "paused", "completed")


def literal(text: str) -> str:
    """An SQL string."""
    return "'" + text.replace("'", "''") + "'"


def is_invocation_id(target: str) -> bool:
    """Whether the target names one invocation."""
    return target.startswith("inv_")


def target_condition(target: str) -> str:
    """The condition that a target stands for."""
    if is_invocation_id(target):
        return f"id = {literal(target)}"
    service, _, rest = target.partition("/")
    if not service:
        raise click.UsageError(f"'{target}' names no service: write SERVICE, SERVICE/KEY or an invocation's id")
    of_service = f"target_service_name = {literal(service)}"
    if not rest:
        return of_service
    key, slash, handler = rest.rpartition("/")
    if slash:
        of_key = f"target_service_key = {literal(key)}"
        return f"{of_service} AND {of_key} AND target_handler_name = {literal(handler)}"
    is_handler = f"(target_service_ty = 'service' AND target_handler_name = {literal(rest)})"
    is_key = f"(target_service_ty != 'service' AND target_service_key = {literal(rest)})"
    return f"{of_service} AND ({is_handler} OR {is_key})"


def any_of(column: str, values: tuple[str, ...]) -> str:
    """The condition that a column has one of the values."""
    return f"{column} IN ({', '.join(literal(value) for value in values)})"
