"""`odradek invocations`: what runs, what ran, and a hand on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import click

from odradek_engine.cli.admin_client import AdminClient, RequestRefused, api_path, connect
from odradek_engine.cli.invocation_filter import STATUSES, any_of, is_invocation_id, literal, target_condition
from odradek_engine.cli.output import counted, print_fields, print_json, print_table
from odradek_engine.cli.topics import as_json

LIST_LIMIT: Final = 100
ACTION_LIMIT: Final = 500
JOURNAL_LIMIT: Final = 1_000

_LIST_COLUMNS: Final = ("id", "target", "status", "created_at", "retry_count", "last_failure", "completion_failure")
_UNFINISHED: Final = "status != 'completed'"


@click.group()
def invocations() -> None:
    """Calls of handlers, under way and kept.

    \b
    odradek invocations list
    odradek invocations list --all --service Account
    odradek invocations describe inv_1dvhzbpPLVmv1mbUTvbFQAqF8HfVnCAs3r
    odradek invocations cancel Account/ada
    """


@invocations.command("list")
@click.option("--all", "all_wanted", is_flag=True, help="Completed ones too.")
@click.option("--status", multiple=True, type=click.Choice(STATUSES), help="Only those with this status.")
@click.option("--service", multiple=True, help="Only those of this service.")
@click.option("--handler", multiple=True, help="Only those of this handler.")
@click.option("--key", multiple=True, help="Only those of this object.")
@click.option("--oldest-first", is_flag=True, help="The oldest first; without it the newest.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=LIST_LIMIT, show_default=True, help="At most so many.")
@as_json
@click.pass_context
def list_invocations(
    context: click.Context,
    all_wanted: bool,
    status: tuple[str, ...],
    service: tuple[str, ...],
    handler: tuple[str, ...],
    key: tuple[str, ...],
    oldest_first: bool,
    limit: int,
    json_wanted: bool,
) -> None:
    """List invocations, those that are not completed unless told otherwise.

    \b
    odradek invocations list
    odradek invocations list --status backing-off --status paused
    odradek invocations list --all --service Account --key ada --oldest-first
    """
    conditions = [
        any_of(column, values)
        for column, values in (
            ("status", status),
            ("target_service_name", service),
            ("target_handler_name", handler),
            ("target_service_key", key),
        )
        if values
    ]
    if not status and not all_wanted:
        conditions.append(_UNFINISHED)
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    order = "ASC" if oldest_first else "DESC"
    columns = ", ".join(_LIST_COLUMNS)
    with connect(context) as client:
        rows = client.query(
            f"SELECT {columns} FROM sys_invocation{where} ORDER BY created_at {order}, id LIMIT {limit}"
        )
    if json_wanted:
        print_json(rows)
        return
    shown = [{**row, "reason": _reason(row)} for row in rows]
    print_table(("id", "target", "status", "created_at", "retry_count", "reason"), shown, empty="no invocations")
    if len(rows) == limit:
        click.echo(f"only the first {limit} are shown: --limit shows more", err=True)


def _reason(row: Mapping[str, Any]) -> str:
    """Why it failed, or fails, in one line: a stack trace, which may follow, is in `describe`."""
    failure: str = row.get("completion_failure") or row.get("last_failure") or ""
    return failure.partition("\n")[0]


@invocations.command("describe")
@click.argument("invocation")
@as_json
@click.pass_context
def describe_invocation(context: click.Context, invocation: str, json_wanted: bool) -> None:
    """Show INVOCATION, by its id, and its journal.

    \b
    odradek invocations describe inv_1dvhzbpPLVmv1mbUTvbFQAqF8HfVnCAs3r
    """
    with connect(context) as client:
        found = client.query(f"SELECT * FROM sys_invocation WHERE id = {literal(invocation)}")
        if not found:
            raise click.ClickException(f"there is no invocation {invocation}: it never was, or its retention is over")
        journal = client.query(
            "SELECT index, entry_type, name, appended_at, entry_lite_json FROM sys_journal "
            f"WHERE id = {literal(invocation)} ORDER BY index LIMIT {JOURNAL_LIMIT}"
        )
    if json_wanted:
        print_json({"invocation": found[0], "journal": journal})
        return
    print_fields(found[0])
    click.echo()
    columns = ("index", "entry_type", "name", "appended_at", "entry_lite_json")
    print_table(columns, journal, empty="its journal is empty or no longer kept")


_target = click.argument("targets", nargs=-1, required=True, metavar="TARGET...")
_yes = click.option("--yes", "-y", "confirmed", is_flag=True, help="Do not ask when it means several invocations.")


_deployment = click.option(
    "--deployment", metavar="DEPLOYMENT", help="Where they run: the id of a deployment, 'latest' or 'keep'."
)


@invocations.command("cancel")
@_target
@_yes
@click.pass_context
def cancel(context: click.Context, targets: tuple[str, ...], confirmed: bool) -> None:
    """Cancel invocations: their handlers get a terminal error and may clean up.

    A TARGET is an id, SERVICE, SERVICE/HANDLER, OBJECT/KEY or OBJECT/KEY/HANDLER.

    \b
    odradek invocations cancel inv_1dvhzbpPLVmv1mbUTvbFQAqF8HfVnCAs3r
    odradek invocations cancel Account/ada --yes
    """
    _act(context, "cancel", targets, _UNFINISHED, confirmed)


@invocations.command("kill")
@_target
@_yes
@click.pass_context
def kill(context: click.Context, targets: tuple[str, ...], confirmed: bool) -> None:
    """Kill invocations and those they started: they end at once, their handlers cannot clean up.

    \b
    odradek invocations kill inv_1dvhzbpPLVmv1mbUTvbFQAqF8HfVnCAs3r
    """
    _act(context, "kill", targets, _UNFINISHED, confirmed)


@invocations.command("pause")
@_target
@_yes
@click.pass_context
def pause(context: click.Context, targets: tuple[str, ...], confirmed: bool) -> None:
    """Pause invocations that run or are backing off, until you resume them.

    A step that is under way runs again then. Objects stay locked meanwhile.

    \b
    odradek invocations pause Account/ada
    """
    _act(context, "pause", targets, any_of("status", ("running", "ready", "backing-off")), confirmed)


@invocations.command("resume")
@_target
@_yes
@_deployment
@click.pass_context
def resume(context: click.Context, targets: tuple[str, ...], confirmed: bool, deployment: str | None) -> None:
    """Resume invocations that are paused, or try again now those that are backing off.

    \b
    odradek invocations resume Account/ada
    odradek invocations resume Account/ada --deployment latest
    """
    resumable = any_of("status", ("paused", "suspended", "backing-off"))
    _act(context, "resume", targets, resumable, confirmed, deployment=deployment)


@invocations.command("restart")
@_target
@_yes
@click.option("--from", "last_index", type=click.IntRange(0), help="Keep the journal up to the entry of this index.")
@_deployment
@click.pass_context
def restart(
    context: click.Context,
    targets: tuple[str, ...],
    confirmed: bool,
    last_index: int | None,
    deployment: str | None,
) -> None:
    """Begin completed invocations anew, under new ids and with the same input.

    What the kept part of the journal has the results of is not done again.

    \b
    odradek invocations restart inv_1dvhzbpPLVmv1mbUTvbFQAqF8HfVnCAs3r
    odradek invocations restart inv_1dvhzbpPLVmv1mbUTvbFQAqF8HfVnCAs3r --from 4
    """
    start = None if last_index is None else str(last_index)
    settings = {"from": start, "deployment": deployment}
    _act(context, "restart-as-new", targets, "status = 'completed'", confirmed, **settings)


@invocations.command("purge")
@_target
@_yes
@click.pass_context
def purge(context: click.Context, targets: tuple[str, ...], confirmed: bool) -> None:
    """Forget completed invocations before their retention is over.

    \b
    odradek invocations purge inv_1dvhzbpPLVmv1mbUTvbFQAqF8HfVnCAs3r
    odradek invocations purge Account --yes
    """
    _act(context, "purge", targets, "status = 'completed'", confirmed)


def _act(
    context: click.Context,
    action: str,
    targets: tuple[str, ...],
    condition: str,
    confirmed: bool,
    **settings: str | None,
) -> None:
    """Does `action` to what the targets mean; exits with 1 where it was refused for any of them."""
    parameters = {name: value for name, value in settings.items() if value is not None}
    with connect(context) as client:
        chosen = _choose(client, targets, condition)
        several = not all(is_invocation_id(target) for target in targets)
        if several and not confirmed:
            print_table(("id", "target", "status"), chosen, empty="")
            click.confirm(f"{action} {counted(len(chosen), 'invocation')}?", abort=True)
        refused = 0
        for invocation in chosen:
            try:
                answer = client.patch(api_path("invocations", invocation["id"], action), **parameters)
            except RequestRefused as error:
                refused += 1
                click.echo(f"{invocation['id']}: {error.message}", err=True)
            else:
                became = f" -> {answer['new_invocation_id']}" if answer else ""
                click.echo(f"{action}: {invocation['id']}{became}")
    if refused:
        raise click.ClickException(f"{action} was refused for {refused} of {counted(len(chosen), 'invocation')}")


def _choose(client: AdminClient, targets: tuple[str, ...], condition: str) -> list[dict[str, Any]]:
    """Ids are taken as they are, so that the node says what is wrong with them; all else is looked up."""
    chosen: dict[str, dict[str, Any]] = {}
    for target in targets:
        if is_invocation_id(target):
            chosen[target] = {"id": target}
            continue
        rows = client.query(
            f"SELECT id, target, status FROM sys_invocation WHERE {target_condition(target)} AND {condition} "
            f"ORDER BY created_at, id LIMIT {ACTION_LIMIT}"
        )
        if not rows:
            raise click.ClickException(f"no invocation of '{target}' can take this now")
        if len(rows) == ACTION_LIMIT:
            click.echo(f"'{target}' means more than {ACTION_LIMIT} invocations: the oldest are taken", err=True)
        chosen |= {row["id"]: row for row in rows}
    return list(chosen.values())
