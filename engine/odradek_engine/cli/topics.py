"""`odradek topics`: the topics of the node's own log."""

from __future__ import annotations

import click

from odradek_engine.cli.admin_client import api_path, connect
from odradek_engine.cli.output import counted, print_fields, print_json, print_table

as_json = click.option("--json", "json_wanted", is_flag=True, help="Print the answer as JSON.")


@click.group()
def topics() -> None:
    """Topics of the node's log.

    \b
    odradek topics create payments --partitions 4
    odradek topics list
    odradek topics describe payments
    """


@topics.command("list")
@as_json
@click.pass_context
def list_topics(context: click.Context, json_wanted: bool) -> None:
    """List all topics.

    \b
    odradek topics list
    odradek topics list --json
    """
    with connect(context) as client:
        answer = client.get("/topics")
    if json_wanted:
        print_json(answer)
    else:
        print_table(("name", "partitions", "id"), answer["topics"], empty="no topics yet: odradek topics create NAME")


@topics.command("create")
@click.argument("topic")
@click.option("--partitions", type=click.IntRange(1, 65_535), help="Number of partitions; without it, the node's own.")
@click.pass_context
def create_topic(context: click.Context, topic: str, partitions: int | None) -> None:
    """Create TOPIC.

    \b
    odradek topics create payments
    odradek topics create payments --partitions 4
    """
    body: dict[str, object] = {"name": topic}
    if partitions is not None:
        body["partitions"] = partitions
    with connect(context) as client:
        created = client.post("/topics", body)
    click.echo(f"created {created['name']} with {counted(created['partitions'], 'partition')}")


@topics.command("describe")
@click.argument("topic")
@as_json
@click.pass_context
def describe_topic(context: click.Context, topic: str, json_wanted: bool) -> None:
    """Show TOPIC: its partitions and what they hold.

    \b
    odradek topics describe payments
    """
    with connect(context) as client:
        answer = client.get(api_path("topics", topic))
    if json_wanted:
        print_json(answer)
        return
    offsets = answer["offsets"]
    records = sum(partition["end"] - partition["begin"] for partition in offsets)
    print_fields({"name": answer["name"], "id": answer["id"], "partitions": answer["partitions"], "records": records})
    click.echo()
    print_table(("partition", "begin", "end"), offsets, empty="")
