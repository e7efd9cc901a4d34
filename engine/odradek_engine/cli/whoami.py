"""`odradek whoami`: where the commands go, and what answers there."""

from __future__ import annotations

import click

from odradek_engine.cli.admin_client import Endpoints, NodeUnreachable, RequestRefused, connect
from odradek_engine.cli.output import print_fields


@click.command()
@click.pass_context
def whoami(context: click.Context) -> None:
    """Show where the commands go, and whether a node answers there.

    \b
    odradek whoami
    odradek --admin-url http://node-2:9070 whoami
    """
    from odradek_engine.version import version

    endpoints = context.find_object(Endpoints)
    assert endpoints is not None
    print_fields(
        {
            "admin API": endpoints.admin_url,
            "ingress": endpoints.ingress_url,
            "token": "sent" if endpoints.auth_token else "none",
            "this command": f"odradek {version()}",
        }
    )
    with connect(context) as client:
        try:
            client.get("/health")
            node = client.get("/version")
        except (NodeUnreachable, RequestRefused) as error:
            print_fields({"node": f"not healthy: {error.message}"})
            context.exit(1)
    supported = f"{node['min_admin_api_version']} to {node['max_admin_api_version']}"
    print_fields({"node": f"healthy, odradek {node['version']}", "versions of its admin API": supported})
