"""`odradek sql`: questions about everything that the node knows."""

from __future__ import annotations

import click

from odradek_engine.cli.admin_client import connect
from odradek_engine.cli.output import print_json, print_json_lines, print_table


@click.command()
@click.argument("query")
@click.option("--json", "form", flag_value="json", help="Print one JSON array of rows.")
@click.option("--jsonl", "form", flag_value="jsonl", help="Print one JSON object a line.")
@click.pass_context
def sql(context: click.Context, query: str, form: str | None) -> None:
    """Ask the node's tables in SQL.

    QUERY may read sys_invocation, sys_journal, sys_inbox, state and others.

    \b
    odradek sql "SELECT status, count(*) FROM sys_invocation GROUP BY status"
    odradek sql "SELECT service_key, value_utf8 FROM state WHERE service_name = 'Account'" --jsonl
    odradek sql "SHOW TABLES"
    """
    with connect(context) as client:
        rows = client.query(query)
    if form == "json":
        print_json(rows)
    elif form == "jsonl":
        print_json_lines(rows)
    else:
        columns = list(dict.fromkeys(column for row in rows for column in row))
        print_table(columns, rows, empty="(no rows)")
