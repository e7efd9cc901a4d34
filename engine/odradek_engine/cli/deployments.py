"""`odradek deployments`: processes that serve handlers, in any language."""

from __future__ import annotations

from typing import Any

import click

from odradek_engine.cli.admin_client import AdminClient, api_path, connect
from odradek_engine.cli.output import counted, print_fields, print_json, print_table
from odradek_engine.cli.pairs import read_pairs
from odradek_engine.cli.topics import as_json


@click.group()
def deployments() -> None:
    """Processes that serve handlers, in any language.

    \b
    odradek deployments register http://localhost:9080
    odradek deployments list
    odradek deployments remove dp_15VqmTOnXH3Vv2pl5HOG7Ua
    """


@deployments.command("register")
@click.argument("uri")
@click.option("--use-http1.1", "http1", is_flag=True, help="Speak HTTP/1.1, each way after the other.")
@click.option("--assume-role-arn", help="Invoke a function on AWS Lambda in this role.")
@click.option("--force", is_flag=True, help="Ask again an address that is known, and replace what was registered.")
@click.option("--breaking", is_flag=True, help="Let services change their type.")
@click.option("--dry-run", is_flag=True, help="Only show what would be registered.")
@click.option(
    "--extra-header", "headers", multiple=True, callback=read_pairs, metavar="NAME=VALUE", help="Sent with requests."
)
@click.option("--metadata", multiple=True, callback=read_pairs, metavar="NAME=VALUE", help="Kept with the deployment.")
@as_json
@click.pass_context
def register_deployment(
    context: click.Context,
    uri: str,
    http1: bool,
    assume_role_arn: str | None,
    force: bool,
    breaking: bool,
    dry_run: bool,
    headers: dict[str, str],
    metadata: dict[str, str],
    json_wanted: bool,
) -> None:
    """Make the services at URI, or of the function with that ARN, known.

    New invocations go there; those that run stay where they are.

    \b
    odradek deployments register http://localhost:9080
    odradek deployments register https://orders.example.com/v2 --extra-header x-team=orders
    odradek deployments register arn:aws:lambda:eu-central-1:123456789012:function:orders:7
    """
    if assume_role_arn and not uri.startswith("arn:"):
        raise click.ClickException("--assume-role-arn is for functions on AWS Lambda: name one by its ARN")
    place = {"arn": uri, "assume_role_arn": assume_role_arn} if uri.startswith("arn:") else {"uri": uri}
    body = {
        **place,
        "use_http_11": http1,
        "force": force,
        "breaking": breaking,
        "dry_run": dry_run,
        "additional_headers": headers,
        "metadata": metadata,
    }
    with connect(context) as client:
        known = {each["id"] for each in client.get("/deployments")["deployments"]}
        answer = client.post("/deployments", body)
    if json_wanted:
        print_json(answer)
        return
    click.echo(f"{_what_happened(answer['id'] in known, force=force, dry_run=dry_run)} {answer['id']} at {uri}")
    _print_services(answer["services"])


def _what_happened(known: bool, *, force: bool, dry_run: bool) -> str:
    if known and not force:
        return "already registered (--force asks it again):"
    if dry_run:
        return "would replace" if known else "would register"
    return "replaced" if known else "registered"


def _print_services(services: list[dict[str, Any]]) -> None:
    rows = [
        {
            "service": service["name"],
            "type": service["ty"],
            "revision": service["revision"],
            "handlers": ", ".join(handler["name"] for handler in service["handlers"]),
        }
        for service in services
    ]
    print_table(("service", "type", "revision", "handlers"), rows, empty="no services")


@deployments.command("list")
@click.option("--extra", is_flag=True, help="Also how many unfinished invocations each has.")
@as_json
@click.pass_context
def list_deployments(context: click.Context, extra: bool, json_wanted: bool) -> None:
    """List deployments.

    \b
    odradek deployments list
    odradek deployments list --extra
    """
    with connect(context) as client:
        answer = client.get("/deployments")
        counts = _unfinished(client) if extra else {}
    if json_wanted:
        print_json(answer)
        return
    rows = [
        {
            "id": each["id"],
            "address": each.get("uri") or each["arn"],
            "sdk": each.get("sdk_version", "-"),
            "services": ", ".join(f"{service['name']}@{service['revision']}" for service in each["services"]),
            "invocations": counts.get(each["id"], 0),
        }
        for each in answer["deployments"]
    ]
    columns = ("id", "address", "sdk", "services", *(("invocations",) if extra else ()))
    print_table(columns, rows, empty="no deployments: odradek deployments register http://localhost:9080")


@deployments.command("describe")
@click.argument("deployment")
@as_json
@click.pass_context
def describe_deployment(context: click.Context, deployment: str, json_wanted: bool) -> None:
    """Show DEPLOYMENT, by its id: where it is, what it serves, how many invocations it has.

    \b
    odradek deployments describe dp_15VqmTOnXH3Vv2pl5HOG7Ua
    """
    with connect(context) as client:
        answer = client.get(api_path("deployments", deployment))
        unfinished = _unfinished(client).get(deployment, 0)
    if json_wanted:
        print_json(answer)
        return
    of_function = ("arn", "assume_role_arn", "compression")
    of_endpoint = ("uri", "http_version", "protocol_type")
    shown = ("id", *(of_function if "arn" in answer else of_endpoint), "sdk_version", "created_at")
    print_fields({name: answer.get(name) for name in shown})
    protocols = f"{answer['min_protocol_version']} to {answer['max_protocol_version']}"
    print_fields({"protocol versions": protocols, "unfinished invocations": unfinished})
    for kind in ("additional_headers", "metadata"):
        print_fields({f"{kind} {name}": value for name, value in sorted(answer.get(kind, {}).items())})
    click.echo()
    _print_services(answer["services"])


@deployments.command("remove")
@click.argument("deployment")
@click.option("--force", is_flag=True, help="Also while invocations are pinned to it: they cannot go on.")
@click.pass_context
def remove_deployment(context: click.Context, deployment: str, force: bool) -> None:
    """Remove DEPLOYMENT, by its id, once no unfinished invocation is pinned to it.

    \b
    odradek deployments remove dp_15VqmTOnXH3Vv2pl5HOG7Ua
    """
    with connect(context) as client:
        client.get(api_path("deployments", deployment))
        unfinished = _unfinished(client).get(deployment, 0)
        if unfinished and not force:
            raise click.ClickException(
                f"{deployment} has {counted(unfinished, 'unfinished invocation')}, which can run nowhere else: "
                "wait for them, cancel them, or remove it with --force"
            )
        client.delete(api_path("deployments", deployment), force="true")
    click.echo(f"removed {deployment}")


def _unfinished(client: AdminClient) -> dict[str, int]:
    """How many unfinished invocations are pinned to each deployment."""
    rows = client.query(
        "SELECT pinned_deployment_id AS id, COUNT(1) AS invocations FROM sys_invocation_status "
        "WHERE status != 'completed' AND pinned_deployment_id IS NOT NULL GROUP BY pinned_deployment_id"
    )
    return {row["id"]: row["invocations"] for row in rows}
