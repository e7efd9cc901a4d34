"""The command tree and the options that all commands share."""

from __future__ import annotations

import click

from odradek_engine.cli.admin_client import Endpoints
from odradek_engine.cli.deployments import deployments
from odradek_engine.cli.invocations import invocations
from odradek_engine.cli.isolated_child import serve_isolated
from odradek_engine.cli.kafka_clusters import kafka_clusters
from odradek_engine.cli.nodes import dev, server
from odradek_engine.cli.produce import produce
from odradek_engine.cli.serve import serve
from odradek_engine.cli.services import services
from odradek_engine.cli.sql import sql
from odradek_engine.cli.state import kv
from odradek_engine.cli.subscriptions import subscriptions
from odradek_engine.cli.topics import topics
from odradek_engine.cli.whoami import whoami

DEFAULT_ADMIN_URL = "http://localhost:9070"
DEFAULT_INGRESS_URL = "http://localhost:8080"


def _print_version(context: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        from odradek_engine.version import version

        click.echo(f"odradek {version()}")
        context.exit()


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--admin-url",
    envvar="RESTATE_ADMIN_URL",
    default=DEFAULT_ADMIN_URL,
    show_default=True,
    show_envvar=True,
    help="Admin API of the node to talk to.",
)
@click.option(
    "--ingress-url",
    envvar="RESTATE_INGRESS_URL",
    default=DEFAULT_INGRESS_URL,
    show_default=True,
    show_envvar=True,
    help="Ingress of that node, for the requests that are shown as examples.",
)
@click.option(
    "--auth-token",
    envvar="RESTATE_AUTH_TOKEN",
    default="",
    show_envvar=True,
    help="Bearer token, for a proxy in front of the node that asks for one.",
)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Show it.")
@click.pass_context
def root(context: click.Context, admin_url: str, ingress_url: str, auth_token: str) -> None:
    """Odradek gives ordinary Python functions the durability of a Kafka log.

    \b
    Start here:
      odradek dev app.py                       a node with the handlers of app.py, nothing else needed
      curl localhost:8080/Account/ada/balance  call a handler
      odradek kv get Account ada               look at its state
      odradek invocations list --all           look at what ran
    """
    context.obj = Endpoints(admin_url.rstrip("/"), ingress_url.rstrip("/"), auth_token)


for command in (
    dev,
    server,
    serve,
    serve_isolated,
    deployments,
    produce,
    topics,
    subscriptions,
    kafka_clusters,
    services,
    kv,
    invocations,
    sql,
    whoami,
):
    root.add_command(command)
