"""`odradek kv`: the state of objects."""

from __future__ import annotations

import click

from odradek_engine.cli.admin_client import api_path, connect
from odradek_engine.cli.output import print_json


@click.group()
def kv() -> None:
    """Key/value state of objects.

    \b
    odradek kv get Account ada
    """


@kv.command("get")
@click.argument("service")
@click.argument("key")
@click.pass_context
def get_state(context: click.Context, service: str, key: str) -> None:
    """Print the state of the object KEY of SERVICE as JSON.

    Values that are not JSON are shown as {"base64": ...}.

    \b
    odradek kv get Account ada
    odradek kv get Account ada | jq .balance
    """
    with connect(context) as client:
        print_json(client.get(api_path("services", service, "state", key)))
