"""`odradek subscriptions`: from topics to handlers."""

from __future__ import annotations

import click

from odradek_engine.cli.admin_client import api_path, connect
from odradek_engine.cli.output import print_fields, print_json, print_table
from odradek_engine.cli.pairs import read_pairs
from odradek_engine.cli.topics import as_json


@click.group()
def subscriptions() -> None:
    """From topics to handlers, each record once.

    \b
    odradek subscriptions create kafka://local/payments service://Account/apply
    odradek subscriptions list
    """


@subscriptions.command("list")
@click.option("--source", help="Only those of this source.")
@click.option("--sink", help="Only those to this sink.")
@as_json
@click.pass_context
def list_subscriptions(context: click.Context, source: str | None, sink: str | None, json_wanted: bool) -> None:
    """List subscriptions, with how many records each has still to take, and what troubles it.

    \b
    odradek subscriptions list
    odradek subscriptions list --source kafka://local/payments
    """
    filters = {name: value for name, value in (("source", source), ("sink", sink)) if value is not None}
    with connect(context) as client:
        answer = client.get("/subscriptions", **filters)
    if json_wanted:
        print_json(answer)
    else:
        print_table(("id", "source", "sink", "lag", "status"), answer["subscriptions"], empty="no subscriptions")


@subscriptions.command("create")
@click.argument("source")
@click.argument("sink")
@click.option("--option", "options", multiple=True, callback=read_pairs, metavar="NAME=VALUE", help="Consumer option.")
@click.pass_context
def create_subscription(context: click.Context, source: str, sink: str, options: dict[str, str]) -> None:
    """Feed the records of SOURCE (kafka://CLUSTER/TOPIC) to SINK (service://SERVICE/HANDLER).

    The cluster "local" is the node's own log. The record's key is the object's key, its value the handler's input.
    Without options the subscription begins with the records that come after its creation.

    \b
    odradek subscriptions create kafka://local/payments service://Account/apply
    odradek subscriptions create kafka://shop/orders service://Order/place \\
        --option auto.offset.reset=earliest
    """
    with connect(context) as client:
        created = client.post("/subscriptions", {"source": source, "sink": sink, "options": options})
    click.echo(f"created {created['id']}: {created['source']} -> {created['sink']}")


@subscriptions.command("describe")
@click.argument("subscription")
@as_json
@click.pass_context
def describe_subscription(context: click.Context, subscription: str, json_wanted: bool) -> None:
    """Show SUBSCRIPTION, by its id, and what troubles it.

    \b
    odradek subscriptions describe sub_15VqmTOnXH3Vv2pl5HOG7Ua
    """
    with connect(context) as client:
        answer = client.get(api_path("subscriptions", subscription))
    if json_wanted:
        print_json(answer)
        return
    print_fields({name: answer.get(name) for name in ("id", "source", "sink", "lag", "status")})
    print_fields({f"option {name}": value for name, value in sorted(answer.get("options", {}).items())})


@subscriptions.command("delete")
@click.argument("subscription")
@click.pass_context
def delete_subscription(context: click.Context, subscription: str) -> None:
    """Delete SUBSCRIPTION, by its id. What it has taken already still runs.

    \b
    odradek subscriptions delete sub_15VqmTOnXH3Vv2pl5HOG7Ua
    """
    with connect(context) as client:
        client.delete(api_path("subscriptions", subscription))
    click.echo(f"deleted {subscription}")
