"""`odradek services`: what can be called."""

from __future__ import annotations

from functools import partial
from typing import Any

import click

from odradek_engine.cli.admin_client import Endpoints, api_path, connect
from odradek_engine.cli.output import print_fields, print_json, print_table
from odradek_engine.cli.topics import as_json

UNKEYED_TYPE = "Service"


@click.group()
def services() -> None:
    """What can be called: services and objects.

    \b
    odradek services list
    odradek services describe Account
    odradek services configure Account --private
    """


@services.command("list")
@as_json
@click.pass_context
def list_services(context: click.Context, json_wanted: bool) -> None:
    """List services.

    \b
    odradek services list
    """
    with connect(context) as client:
        answer = client.get("/services")
    if json_wanted:
        print_json(answer)
        return
    rows = [
        {
            "name": service["name"],
            "type": service["ty"],
            "revision": service["revision"],
            "handlers": ", ".join(handler["name"] for handler in service["handlers"]),
        }
        for service in answer["services"]
    ]
    print_table(("name", "type", "revision", "handlers"), rows, empty="no services: odradek dev app.py serves yours")


@services.command("describe")
@click.argument("service")
@as_json
@click.pass_context
def describe_service(context: click.Context, service: str, json_wanted: bool) -> None:
    """Show SERVICE, its handlers, and how to call each.

    \b
    odradek services describe Account
    """
    with connect(context) as client:
        answer = client.get(api_path("services", service))
    if json_wanted:
        print_json(answer)
        return
    shown = ("name", "ty", "revision", "public", "deployment_id", "documentation")
    print_fields({name: answer.get(name) for name in shown})
    click.echo()
    rows = [
        {
            "handler": handler["name"],
            "type": handler.get("ty"),
            "input": handler.get("input_description"),
            "output": handler.get("output_description"),
        }
        for handler in answer["handlers"]
    ]
    print_table(("handler", "type", "input", "output"), rows, empty="no handlers")
    endpoints = context.find_object(Endpoints)
    assert endpoints is not None
    click.echo()
    for handler in answer["handlers"]:
        click.echo(example_request(endpoints.ingress_url, answer, handler))


_duration = partial(click.option, metavar="DURATION")


@services.command("configure")
@click.argument("service")
@click.option("--public/--private", default=None, help="Whether its handlers can be called over HTTP.")
@_duration("--idempotency-retention", help="How long results of requests with a key are kept.")
@_duration("--workflow-completion-retention", help="How long a workflow's result and state are kept.")
@_duration("--journal-retention", help="How long journals are kept.")
@_duration("--inactivity-timeout", help="How long a handler may be silent before it is to suspend.")
@_duration("--abort-timeout", help="How long after that it is broken off.")
@click.pass_context
def configure_service(context: click.Context, /, service: str, **settings: bool | str | None) -> None:
    """Change settings of SERVICE, until it is registered anew.

    A handler's own settings stay before those of its service.

    \b
    odradek services configure Account --private
    odradek services configure Signup --workflow-completion-retention 7d
    """
    changes = {name: value for name, value in settings.items() if value is not None}
    if not changes:
        raise click.UsageError("say what to change: see odradek services configure --help")
    with connect(context) as client:
        answer = client.patch(api_path("services", service), changes)
    print_fields({name: answer.get(name) for name in settings})


def example_request(ingress_url: str, service: dict[str, Any], handler: dict[str, Any]) -> str:
    """A curl command that calls a handler, as the admin API describes it."""
    key = "" if service["ty"] == UNKEYED_TYPE else "KEY/"
    line = f"curl {ingress_url}/{service['name']}/{key}{handler['name']}"
    description = handler.get("input_description")
    if description == "none":
        return line
    if description and ("json" in description.lower()):
        return f"{line} --json '...'"
    return f"{line} --data-binary '...'"
