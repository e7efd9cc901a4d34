"""SQL at a node of ours, and at the real server: the same tables and columns, and the same of invocations under way."""

from __future__ import annotations

from typing import Any

import pytest
from scripted_deployment import ScriptedDeployment, service
from test_registration_twins import fail_after_a_step
from twin_server import Server

from live_node import wait_until
from odradek_engine.query.engine import TABLES

pytestmark = pytest.mark.live

TYPES = {
    "text": "LargeUtf8",
    "bytes": "LargeBinary",
    "boolean": "Boolean",
    "uint32": "UInt32",
    "uint64": "UInt64",
    "timestamp": 'Timestamp(ms, "+00:00")',
    "duration": "Duration(ms)",
    "texts": "List(LargeUtf8)",
    "uint32s": "List(UInt32)",
}


@pytest.mark.row("L3", "L4")
def test_tables_and_columns(server: Server) -> None:
    rows = server.rows(
        "SELECT table_name, column_name, data_type FROM information_schema.columns "
        "WHERE table_schema = 'public' ORDER BY table_name, ordinal_position"
    )
    found: dict[str, list[tuple[str, str]]] = {}
    for row in rows:
        found.setdefault(row["table_name"], []).append((row["column_name"], row["data_type"]))
    ours = {table.name: [(column.name, TYPES[column.kind.value]) for column in table.columns] for table in TABLES}
    assert found == ours


def test_an_invocation_that_backs_off(server: Server, name: str) -> None:
    deployment = ScriptedDeployment(service(name, "h"))
    deployment.handle = fail_after_a_step
    with deployment.serving() as url:
        made = server.register(url)
        invocation = server.send(f"{name}/h", 1)
        wait_until(lambda: len(deployment.invoked) > 2, "the attempts fail")

        def state() -> dict[str, Any]:
            (row,) = server.rows(f"SELECT * FROM sys_invocation_state WHERE id = '{invocation}'")
            return row

        wait_until(lambda: not state()["in_flight"], "it waits for its next attempt")
        (shown,) = server.rows(f"SELECT * FROM sys_invocation WHERE id = '{invocation}'")
        for row in (state(), shown):
            assert row["last_attempt_deployment_id"] == made["id"]
            assert row["last_start_at"] <= row["next_retry_at"]
            assert (row["last_failure"], row["last_failure_error_code"]) == ("[500 Internal] not today", "RT0007")
        server.admin("PATCH", f"/invocations/{invocation}/kill")
        wait_until(
            lambda: server.rows(f"SELECT * FROM sys_invocation_state WHERE id = '{invocation}'") == [], "it ends"
        )


@pytest.mark.row("L3")
def test_a_journal_as_it_is_stored(server: Server, name: str) -> None:
    with ScriptedDeployment(service(name, "h")).serving() as url:
        server.register(url)
        invocation = server.send(f"{name}/h", 12)
        assert server.attach(invocation) == 12
    columns = "index, entry_type, raw, raw_length"
    rows = server.rows(f"SELECT {columns} FROM sys_journal WHERE id = '{invocation}' ORDER BY index")
    assert rows[-1] == {"index": 1, "entry_type": "Command: Output", "raw": "72040a023132", "raw_length": 6}
    assert rows[0]["raw"].endswith("72040a023132")


@pytest.mark.parametrize(
    ("call", "value"),
    [
        ("json_get_str({}, 's')", "x"),
        ("json_get_int({}, 's')", None),
        ("json_get_int({}, 'i')", 3),
        ("json_get_int(json_get_json({}, 'l'), 0)", 1),
        ("json_get_float({}, 'i')", 3.0),
        ("json_get_bool({}, 'b')", True),
        ("json_get_json({}, 'n')", "null"),
        ("json_get_json({}, 'z')", None),
        ("json_get_array({}, 'l')", ["1", '"a"']),
        ("json_as_text({}, 's')", "x"),
        ("json_as_text({}, 'i')", "3"),
        ("json_as_text({}, 'n')", None),
        ("json_contains({}, 'n')", True),
        ("json_contains({}, 'z')", False),
        ("json_length({})", 6),
        ("json_object_keys(json_get_json({}, 'o'))", ["p", "q"]),
        ("json_get_str('no json', 'i')", None),
    ],
)
def test_functions_of_json(server: Server, call: str, value: Any) -> None:
    text = """'{"s":"x","i":3,"b":true,"n":null,"l":[1,"a"],"o":{"p":{},"q":1}}'"""
    (row,) = server.rows(f"SELECT {call.format(text)} AS v")
    assert row.get("v") == value
