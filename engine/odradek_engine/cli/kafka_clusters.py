"""`odradek kafka-clusters`: the Kafka clusters that subscriptions may read from."""

from __future__ import annotations

import click

from odradek_engine.cli.admin_client import api_path, connect
from odradek_engine.cli.output import print_json, print_table
from odradek_engine.cli.pairs import read_pairs
from odradek_engine.cli.topics import as_json


@click.group("kafka-clusters")
def kafka_clusters() -> None:
    """Kafka clusters to subscribe to.

    \b
    odradek kafka-clusters create shop --brokers kafka-1:9092,kafka-2:9092
    odradek kafka-clusters list
    """


@kafka_clusters.command("list")
@as_json
@click.pass_context
def list_clusters(context: click.Context, json_wanted: bool) -> None:
    """List the clusters with their client's properties, secrets hidden.

    \b
    odradek kafka-clusters list
    """
    with connect(context) as client:
        answer = client.get("/kafka-clusters")
    if json_wanted:
        print_json(answer)
    else:
        print_table(("name", "properties", "created_at"), answer["clusters"], empty="no clusters but the node's own")


@kafka_clusters.command("create")
@click.argument("name")
@click.option("--brokers", required=True, metavar="HOST:PORT,...", help="Where its brokers are.")
@click.option(
    "--property", "properties", multiple=True, callback=read_pairs, metavar="NAME=VALUE", help="librdkafka property."
)
@click.pass_context
def create_cluster(context: click.Context, name: str, brokers: str, properties: dict[str, str]) -> None:
    """Make the cluster NAME known to the node.

    \b
    odradek kafka-clusters create shop --brokers kafka-1:9092
    odradek kafka-clusters create shop --brokers kafka-1:9093 --property security.protocol=SSL
    """
    with connect(context) as client:
        client.post("/kafka-clusters", {"name": name, "properties": {"bootstrap.servers": brokers} | properties})
    click.echo(f"created {name}: subscribe to its topics with kafka://{name}/TOPIC")


@kafka_clusters.command("delete")
@click.argument("name")
@click.option("--force", is_flag=True, help="Also when subscriptions read from it; they stop.")
@click.pass_context
def delete_cluster(context: click.Context, name: str, force: bool) -> None:
    """Forget the cluster NAME.

    \b
    odradek kafka-clusters delete shop
    """
    parameters = {"force": "true"} if force else {}
    with connect(context) as client:
        client.delete(api_path("kafka-clusters", name), **parameters)
    click.echo(f"deleted {name}")
