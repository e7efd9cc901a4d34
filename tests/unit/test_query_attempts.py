"""Tables of what is under way, and of what there is not yet; functions that look into JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fakes_query import NOW_MS, Shelf, full_shelf, greet, query

from odradek.protocol import messages as m
from odradek_engine.model.rows import Phase, Status
from odradek_engine.query.flow_tables import FLOW_TABLES


@pytest.mark.row("L3")
def test_those_with_an_attempt_under_way_or_in_sight() -> None:
    shelf = full_shelf()
    rows = {row["id"]: row for row in query(shelf, "SELECT * FROM sys_invocation_state")}
    assert {name: rows[shelf.text_id(name)]["in_flight"] for name in ("running", "retrying", "backing")} == {
        "running": True,
        "retrying": True,
        "backing": False,
    }
    assert len(rows) == 3
    backing = rows[shelf.text_id("backing")]
    assert (backing["retry_count"], backing["last_failure_error_code"]) == (3, "RT0007")
    assert "next_retry_at" in backing


def test_where_and_when_the_last_attempt_was_started() -> None:
    shelf = Shelf()
    status = Status(Phase.INVOKED, NOW_MS, attempt=1, running_at=1, started_at=NOW_MS, deployment="dp_1")
    shelf.invocation("far", greet(), status)
    shelf.invocation("gone", greet(), Status(Phase.SUSPENDED, NOW_MS, attempt=1, running_at=1, started_at=NOW_MS))
    columns = "last_start_at, last_attempt_deployment_id, last_attempt_server"
    (far,) = query(shelf, f"SELECT {columns} FROM sys_invocation WHERE id = '{shelf.text_id('far')}'")
    assert far == {"last_start_at": "2026-11-22T14:23:11.533Z", "last_attempt_deployment_id": "dp_1"}
    assert query(shelf, f"SELECT {columns} FROM sys_invocation WHERE id = '{shelf.text_id('gone')}'") == [{}]


@pytest.mark.parametrize(
    ("deployment", "version", "combinator"),
    [("dp_1", 6, "Unknown"), ("dp_1", 7, "FirstCompleted"), ("", 0, "FirstCompleted")],
)
def test_what_a_list_is_waited_for_by(deployment: str, version: int, combinator: str) -> None:
    shelf = Shelf()
    awaiting = m.Future((2,), (1,), combinator=m.Combinator.FIRST_COMPLETED)
    status = Status(Phase.SUSPENDED, NOW_MS, awaiting=awaiting, deployment=deployment, protocol_version=version)
    shelf.invocation("waiting", greet(), status)
    (row,) = query(shelf, "SELECT suspended_waiting_future_json AS future FROM sys_invocation")
    assert json.loads(row["future"]) == {combinator: [{"Single": {"CompletionId": 2}}, {"Single": {"SignalIndex": 1}}]}


def test_who_holds_what() -> None:
    shelf = full_shelf()
    (row,) = query(shelf, "SELECT lock_name, acquired_by FROM sys_locks")
    assert row == {"lock_name": "Obj/k", "acquired_by": shelf.text_id("failed")}


def test_an_entry_as_it_goes_over_the_wire() -> None:
    shelf = Shelf()
    entries = (m.OutputCommand(b""), m.ClearStateCommand(b"a"))
    shelf.invocation("one", greet(), Status(Phase.INVOKED, NOW_MS, attempt=1), entries)
    rows = query(shelf, "SELECT raw, raw_length FROM sys_journal ORDER BY index")
    assert rows == [{"raw": "7200", "raw_length": 2}, {"raw": "0a0161", "raw_length": 3}]


@pytest.mark.parametrize("table", [table.name for table in FLOW_TABLES])
def test_there_is_no_flow_control(table: str) -> None:
    assert query(Shelf(), f"SELECT * FROM {table}") == []


def test_the_rules_are_asked_for_as_the_command_line_does() -> None:
    columns = "pattern, concurrency, description, disabled, version, last_modified"
    assert query(Shelf(), f"SELECT {columns} FROM sys_rules ORDER BY pattern") == []


JSON = '\'{"s":"x","i":-3,"f":1.5,"b":true,"n":null,"l":[1,"a"],"o":{"p":{}}}\''


@pytest.mark.parametrize(
    ("call", "value"),
    [
        ("json_get_str({0}, 's')", "x"),
        ("json_get_str({0}, 'i')", None),
        ("json_get_str('no json', 'i')", None),
        ("json_get_str(NULL, 'i')", None),
        ("json_get_int({0}, 'i')", -3),
        ("json_get_int({0}, 'f')", None),
        ("json_get_int({0}, 'b')", None),
        ("json_get_int(json_get_json({0}, 'l'), 0)", 1),
        ("json_get_str(json_get_json({0}, 'l'), 1)", "a"),
        ("json_get_str(json_get_json({0}, 'l'), 2)", None),
        ("json_get_float({0}, 'f')", 1.5),
        ("json_get_float({0}, 'i')", -3.0),
        ("json_get_bool({0}, 'b')", True),
        ("json_get_json({0}, 'o')", '{"p":{}}'),
        ("json_get_json({0}, 'n')", "null"),
        ("json_get_json({0}, 'z')", None),
        ("json_get_array({0}, 'l')", ["1", '"a"']),
        ("json_as_text({0}, 's')", "x"),
        ("json_as_text({0}, 'l')", '[1,"a"]'),
        ("json_as_text({0}, 'n')", None),
        ("json_get({0}, 'i')::INT + 1", -2),
        ("json_contains({0}, 'n')", True),
        ("json_contains({0}, 'z')", False),
        ("json_length({0})", 7),
        ("json_len('[1]')", 1),
        ("json_length('1')", None),
        ('json_object_keys(\'{{"a":1,"b":2}}\')', ["a", "b"]),
        ("json_keys('[]')", None),
    ],
)
def test_functions_of_json(call: str, value: Any) -> None:
    (row,) = query(Shelf(), f"SELECT {call.format(JSON)} AS v")
    assert row.get("v") == value


def test_functions_of_json_over_rows() -> None:
    shelf = full_shelf()
    rows = query(shelf, "SELECT json_length(value_utf8) AS n, key FROM state WHERE json_length(value_utf8) = 0")
    assert rows == [{"n": 0, "key": "n"}]
