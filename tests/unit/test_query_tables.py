"""What the rows of each SQL table say."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from fakes_http import NOW_MS
from fakes_query import PARTITIONS, SCHEMA, Shelf, add, full_shelf, greet, query

from odradek.protocol import messages as m
from odradek.protocol.ids import partition_key_of
from odradek_engine.model.rows import JournalChunk, Phase, Source, SourceKind, Status
from odradek_engine.partition import keys
from odradek_engine.partition.routing import hash_key, partition_of_invocation
from odradek_engine.query.entry_json import entry_json, entry_type, future_json
from odradek_engine.query.store_rows import StoreRows

SHELF = full_shelf()
CREATED = "2026-11-22T14:23:11.533Z"


def one(sql: str, shelf: Shelf = SHELF) -> dict[str, Any]:
    (row,) = query(shelf, sql)
    return row


@pytest.mark.parametrize(
    ("name", "shown", "stored", "retry_count"),
    [
        ("scheduled", "scheduled", "scheduled", None),
        ("inboxed", "pending", "inboxed", None),
        ("running", "running", "invoked", 1),
        ("retrying", "running", "invoked", 4),
        ("backing", "backing-off", "invoked", 3),
        ("suspended", "suspended", "suspended", None),
        ("paused", "paused", "paused", None),
        ("done", "completed", "completed", None),
        ("failed", "completed", "completed", None),
    ],
)
def test_how_an_invocation_stands(name: str, shown: str, stored: str, retry_count: int | None) -> None:
    where = f"WHERE idempotency_key = '{name}'"
    row = one(f"SELECT status, retry_count FROM sys_invocation {where}")
    assert (row["status"], row.get("retry_count")) == (shown, retry_count)
    assert one(f"SELECT status FROM sys_invocation_status {where}") == {"status": stored}


def test_a_completed_invocation() -> None:
    row = one(f"SELECT * FROM sys_invocation WHERE id = '{SHELF.text_id('done')}'")
    assert row == {
        "id": SHELF.text_id("done"),
        "target": "Svc/greet",
        "target_service_name": "Svc",
        "target_handler_name": "greet",
        "target_service_ty": "service",
        "idempotency_key": "done",
        "invoked_by": "ingress",
        "pinned_deployment_id": "dp_15lbvI90g2SRFQZxGuHuYFz",
        "pinned_service_protocol_version": 7,
        "journal_size": 1,
        "journal_commands_size": 1,
        "created_at": CREATED,
        "created_using_restate_version": "0.1.0",
        "modified_at": "2026-11-22T14:23:11.540Z",
        "running_at": "1970-01-01T00:00:00.005Z",
        "completed_at": "2026-11-22T14:23:11.540Z",
        "completion_retention": "PT86400S",
        "journal_retention": "P0D",
        "status": "completed",
        "completion_result": "success",
    }


def test_a_failed_invocation() -> None:
    row = one("SELECT * FROM sys_invocation WHERE idempotency_key = 'failed'")
    assert (row["completion_result"], row["completion_failure"]) == ("failure", "[409] killed")
    assert (row["target"], row["target_service_key"], row["target_service_ty"]) == ("Obj/k/add", "k", "virtual_object")


def test_one_that_backs_off() -> None:
    row = one("SELECT * FROM sys_invocation WHERE idempotency_key = 'backing'")
    assert row["last_failure"] == "[500 Internal] boom\nat line 1"
    assert row["last_failure_error_code"] == "RT0007"
    assert row["next_retry_at"] == "2026-11-22T14:23:16.533Z"
    related = [row[f"last_failure_related_command_{part}"] for part in ("index", "name", "type")]
    assert related == [3, "pay", "Run"]
    assert row["last_attempt_deployment_id"] == "dp_15lbvI90g2SRFQZxGuHuYFz"


def test_a_paused_one_shows_its_failure_in_the_events_only() -> None:
    assert "last_failure" not in one("SELECT * FROM sys_invocation WHERE idempotency_key = 'paused'")
    row = one(f"SELECT * FROM sys_journal_events WHERE id = '{SHELF.text_id('paused')}'")
    assert row["event_type"] == "Paused"
    assert json.loads(row["event_json"])["last_failure"]["error_message"] == "boom"


def test_a_transient_error() -> None:
    row = one("SELECT * FROM sys_journal_events WHERE event_type = 'TransientError'")
    assert (row["id"], row["after_journal_entry_index"], row["appended_at"]) == (SHELF.text_id("backing"), 0, CREATED)
    assert json.loads(row["event_json"]) == {
        "ty": "TransientError",
        "error_code": 500,
        "error_message": "boom",
        "error_stacktrace": "at line 1",
        "restate_doc_error_code": "RT0007",
        "related_command_index": 3,
        "related_command_name": "pay",
        "related_command_type": "Run",
    }


def test_a_suspended_one_says_what_it_waits_for() -> None:
    row = one("SELECT * FROM sys_invocation WHERE idempotency_key = 'suspended'")
    assert row["suspended_waiting_for_completions"] == [2, 4, 9]
    assert row["suspended_waiting_for_signals"] == [17]
    assert json.loads(row["suspended_waiting_future_json"])["FirstCompleted"][0] == {"Single": {"CompletionId": 4}}


def test_what_waits_a_long_time_has_no_journal_yet() -> None:
    row = one("SELECT * FROM sys_invocation WHERE idempotency_key = 'scheduled'")
    assert "journal_size" not in row
    assert "pinned_deployment_id" not in row
    assert (row["scheduled_at"], row["scheduled_start_at"]) == (CREATED, "2026-11-22T14:23:11.534Z")


def test_who_asked() -> None:
    called = one("SELECT * FROM sys_invocation WHERE idempotency_key = 'inboxed'")
    assert called["invoked_by"] == "service"
    assert called["invoked_by_id"] == SHELF.text_id("done")
    assert (called["invoked_by_service_name"], called["invoked_by_target"]) == ("Svc", "Svc/greet")
    shelf = Shelf()
    shelf.invocation(
        "x", greet(), Status(Phase.PAUSED, 1), source=Source(SourceKind.SUBSCRIPTION, subscription="sub_1x")
    )
    fed = one("SELECT * FROM sys_invocation_status", shelf)
    assert (fed["invoked_by"], fed["invoked_by_subscription_id"]) == ("subscription", "sub_1x")


def test_partition_keys_are_those_of_the_ids() -> None:
    row = one(f"SELECT partition_key FROM sys_invocation_status WHERE id = '{SHELF.text_id('done')}'")
    assert row == {"partition_key": partition_key_of(SHELF.ids["done"])}
    assert one("SELECT partition_key FROM sys_inbox") == {"partition_key": hash_key("k")}


# --- objects and the registry ---


def test_state() -> None:
    rows = query(SHELF, "SELECT * FROM state WHERE service_name = 'Obj' AND service_key = 'k' ORDER BY key")
    common = {"partition_key": hash_key("k"), "service_name": "Obj", "service_key": "k"}
    assert rows == [
        common | {"key": "n", "key_length": 1, "value_utf8": "5", "value": "35", "value_length": 1},
        common | {"key": "raw", "key_length": 3, "value": "ff00", "value_length": 2},
    ]


@pytest.mark.parametrize(
    ("where", "count"),
    [
        ("", 4),
        ("WHERE service_name = 'Obj'", 3),
        ("WHERE service_name = 'Object'", 1),
        ("WHERE service_key = 'k'", 3),
        ("WHERE service_name = 'Obj' AND service_key = 'other'", 1),
        ("WHERE service_name = 'Obj' AND service_key IN ('k', 'other')", 3),
        ("WHERE service_name = 'Obj' AND service_key = 'nope'", 0),
        ("WHERE service_name = 'Ob'", 0),
        ("WHERE service_name = 'Obj' OR service_key = 'k'", 4),
    ],
)
def test_state_by_object(where: str, count: int) -> None:
    assert one(f"SELECT COUNT(1) AS n FROM state {where}") == {"n": count}


def test_who_holds_an_object_and_who_waits() -> None:
    assert one("SELECT service_name, service_key, invocation_id FROM sys_keyed_service_status") == {
        "service_name": "Obj",
        "service_key": "k",
        "invocation_id": SHELF.text_id("failed"),
    }
    waiting = one("SELECT * FROM sys_inbox WHERE service_name = 'Obj'")
    assert (waiting["id"], waiting["sequence_number"], waiting["created_at"]) == (SHELF.text_id("inboxed"), 3, CREATED)


def test_services_and_deployments() -> None:
    assert query(SHELF, "SELECT name, ty, public, revision FROM sys_service ORDER BY name") == [
        {"name": "Obj", "ty": "virtual_object", "public": True, "revision": 1},
        {"name": "Priv", "ty": "service", "public": False, "revision": 1},
        {"name": "Svc", "ty": "service", "public": True, "revision": 1},
    ]
    deployment = one("SELECT * FROM sys_deployment")
    assert deployment["services"] == ["Obj", "Priv", "Svc"]
    assert deployment["created_at"] == CREATED


# --- journals ---

CALLEE = "inv_1cLjQsoOSa8w3K0BbG1uSDPiNkFvTXAyJi"
HEADER = m.Header("accept", "*/*")
TARGET = {"VirtualObject": {"name": "Obj", "key": "kk", "handler": "add", "handler_ty": "Exclusive", "scope": None}}
DAY = {"secs": 86_400, "nanos": 0}
ENTRIES: list[tuple[m.Entry, str, Any, Any]] = [
    (
        m.InputCommand((HEADER,), b"3"),
        "Command: Input",
        {"Command": {"Input": {"headers": [{"name": "accept", "value": "*/*"}], "payload": [51], "name": ""}}},
        {"Command": {"Input": {}}},
    ),
    (
        m.RunCommand(1, "step"),
        "Command: Run",
        {"Command": {"Run": {"completion_id": 1, "name": "step"}}},
        {"Command": {"Run": {"completion_id": 1, "name": "step"}}},
    ),
    (
        m.RunCompletion(1, b"{}"),
        "Notification: Run",
        {"Notification": {"Completion": {"Run": {"completion_id": 1, "result": {"Success": [123, 125]}}}}},
        {"Notification": {"ty": {"Completion": "Run"}, "id": {"CompletionId": 1}, "result": "Success"}},
    ),
    (
        m.RunCompletion(2, failure=m.Failure(418, "no")),
        "Notification: Run",
        {
            "Notification": {
                "Completion": {"Run": {"completion_id": 2, "result": {"Failure": {"code": 418, "message": "no"}}}}
            }
        },
        {"Notification": {"ty": {"Completion": "Run"}, "id": {"CompletionId": 2}, "result": "Failure"}},
    ),
    (
        m.GetEagerStateCommand(b"k"),
        "Command: GetEagerState",
        {"Command": {"GetEagerState": {"key": "k", "result": "Void", "name": ""}}},
        {"Command": {"GetEagerState": {"key": "k", "result": "Void"}}},
    ),
    (
        m.SetStateCommand(b"k", b"1"),
        "Command: SetState",
        {"Command": {"SetState": {"key": "k", "value": [49], "name": ""}}},
        {"Command": {"SetState": {"key": "k"}}},
    ),
    (
        m.GetEagerStateKeysCommand((b"k",)),
        "Command: GetEagerStateKeys",
        {"Command": {"GetEagerStateKeys": {"state_keys": ["k"], "name": ""}}},
        {"Command": {"GetEagerStateKeys": {}}},
    ),
    (
        m.ClearStateCommand(b"k"),
        "Command: ClearState",
        {"Command": {"ClearState": {"key": "k", "name": ""}}},
        {"Command": {"ClearState": {"key": "k"}}},
    ),
    (
        m.ClearAllStateCommand(),
        "Command: ClearAllState",
        {"Command": {"ClearAllState": {"name": ""}}},
        {"Command": {"ClearAllState": {}}},
    ),
    (
        m.CallInvocationIdCompletion(6, CALLEE),
        "Notification: CallInvocationId",
        {"Notification": {"Completion": {"CallInvocationId": {"completion_id": 6, "invocation_id": CALLEE}}}},
        {
            "Notification": {
                "ty": {"Completion": "CallInvocationId"},
                "id": {"CompletionId": 6},
                "result": "InvocationId",
            }
        },
    ),
    (
        m.CallCompletion(7, b"3"),
        "Notification: Call",
        {"Notification": {"Completion": {"Call": {"completion_id": 7, "result": {"Success": [51]}}}}},
        {"Notification": {"ty": {"Completion": "Call"}, "id": {"CompletionId": 7}, "result": "Success"}},
    ),
    (
        m.SleepCommand(1795359651073, 9, "nap"),
        "Command: Sleep",
        {"Command": {"Sleep": {"wake_up_time": 1795359651073, "completion_id": 9, "name": "nap"}}},
        {"Command": {"Sleep": {"wake_up_time": 1795359651073, "completion_id": 9, "name": "nap"}}},
    ),
    (
        m.SleepCommand(1795359651073, 9),
        "Command: Sleep",
        {"Command": {"Sleep": {"wake_up_time": 1795359651073, "completion_id": 9, "name": ""}}},
        {"Command": {"Sleep": {"wake_up_time": 1795359651073, "completion_id": 9}}},
    ),
    (
        m.SleepCompletion(9),
        "Notification: Sleep",
        {"Notification": {"Completion": {"Sleep": {"completion_id": 9}}}},
        {"Notification": {"ty": {"Completion": "Sleep"}, "id": {"CompletionId": 9}, "result": "Void"}},
    ),
    (
        m.PeekPromiseCommand("a", 1),
        "Command: PeekPromise",
        {"Command": {"PeekPromise": {"key": "a", "completion_id": 1, "name": ""}}},
        {"Command": {"PeekPromise": {"key": "a", "completion_id": 1}}},
    ),
    (
        m.CompletePromiseCommand("a", 5, failure=m.Failure(500, "no")),
        "Command: CompletePromise",
        {
            "Command": {
                "CompletePromise": {
                    "key": "a",
                    "value": {"Failure": {"code": 500, "message": "no"}},
                    "completion_id": 5,
                    "name": "",
                }
            }
        },
        {"Command": {"CompletePromise": {"key": "a", "completion_id": 5}}},
    ),
    (
        m.CompletePromiseCompletion(5),
        "Notification: CompletePromise",
        {"Notification": {"Completion": {"CompletePromise": {"completion_id": 5, "result": "Void"}}}},
        {"Notification": {"ty": {"Completion": "CompletePromise"}, "id": {"CompletionId": 5}, "result": "Void"}},
    ),
    (
        m.AttachInvocationCommand(CALLEE, 1),
        "Command: AttachInvocation",
        {"Command": {"AttachInvocation": {"target": {"InvocationId": CALLEE}, "completion_id": 1, "name": ""}}},
        {"Command": {"AttachInvocation": {"target": {"InvocationId": CALLEE}, "completion_id": 1}}},
    ),
    (
        m.CompleteAwakeableCommand("sign_1x", b"1"),
        "Command: CompleteAwakeable",
        {"Command": {"CompleteAwakeable": {"id": "sign_1x", "result": {"Success": [49]}, "name": ""}}},
        {"Command": {"CompleteAwakeable": {"id": "sign_1x", "result": "Success"}}},
    ),
    (
        m.SignalNotification(17, b"1"),
        "Notification: Signal",
        {"Notification": {"Signal": {"id": {"Index": 17}, "result": {"Success": [49]}}}},
        {"Notification": {"ty": "Signal", "id": {"SignalIndex": 17}, "result": "Success"}},
    ),
    (
        m.SignalNotification("go"),
        "Notification: Signal",
        {"Notification": {"Signal": {"id": {"Name": "go"}, "result": "Void"}}},
        {"Notification": {"ty": "Signal", "id": {"SignalName": "go"}, "result": "Void"}},
    ),
    (
        m.SendSignalCommand(CALLEE, m.CANCEL_SIGNAL),
        "Command: SendSignal",
        {
            "Command": {
                "SendSignal": {
                    "target_invocation_id": CALLEE,
                    "signal_id": {"Index": 1},
                    "result": "Void",
                    "name": "",
                }
            }
        },
        {"Command": {"SendSignal": {"target_invocation_id": CALLEE, "signal_id": {"Index": 1}, "result": "Void"}}},
    ),
    (
        m.OutputCommand(failure=m.Failure(500, "no")),
        "Command: Output",
        {"Command": {"Output": {"result": {"Failure": {"code": 500, "message": "no"}}, "name": ""}}},
        {"Command": {"Output": {"result": "Failure"}}},
    ),
]


@pytest.mark.parametrize(("entry", "kind", "full", "lite"), ENTRIES)
def test_entries_as_json(entry: m.Entry, kind: str, full: object, lite: object) -> None:
    assert entry_type(entry) == kind
    assert json.loads(entry_json(entry, {}, SCHEMA, lite=False)) == full
    assert json.loads(entry_json(entry, {}, SCHEMA, lite=True)) == lite


def test_calls_as_json() -> None:
    call = m.CallCommand("Obj", "add", b"3", (HEADER,), "kk", "ik", 6, 7)
    lite = {
        "invocation_id": CALLEE,
        "invocation_target": TARGET,
        "invocation_id_completion_id": 6,
        "result_completion_id": 7,
    }
    assert json.loads(entry_json(call, {6: CALLEE}, SCHEMA, lite=True)) == {"Command": {"Call": lite}}
    body = json.loads(entry_json(call, {6: CALLEE}, SCHEMA, lite=False))["Command"]["Call"]
    request = body.pop("request")
    assert body == {"invocation_id_completion_id": 6, "result_completion_id": 7, "name": ""}
    assert request.pop("span_context")["cause"] is None
    assert request == {
        "invocation_id": CALLEE,
        "invocation_target": TARGET,
        "parameter": [51],
        "headers": [{"name": "accept", "value": "*/*"}],
        "idempotency_key": "ik",
        "completion_retention_duration": DAY,
        "journal_retention_duration": DAY,
    }
    unnamed = msgspec.structs.replace(call, idempotency_key=None)
    request = json.loads(entry_json(unnamed, {6: CALLEE}, SCHEMA, lite=False))["Command"]["Call"]["request"]
    assert request["completion_retention_duration"] == DAY
    send = m.OneWayCallCommand("Svc", "greet", b"", 5, (), "", None, 8)
    unasked_for = json.loads(entry_json(send, {}, SCHEMA, lite=False))["Command"]["OneWayCall"]["request"]
    assert (unasked_for["completion_retention_duration"], unasked_for["journal_retention_duration"]) == (DAY, DAY)
    sent = json.loads(entry_json(send, {8: CALLEE}, SCHEMA, lite=True))["Command"]["OneWayCall"]
    assert sent == {
        "invocation_id": CALLEE,
        "invocation_target": {"Service": {"name": "Svc", "handler": "greet", "scope": None}},
        "invoke_time": 5,
        "invocation_id_completion_id": 8,
    }


def test_every_entry_of_the_protocol_can_be_shown() -> None:
    for entry_class in m.Entry.__args__:
        fields = {
            "headers": (),
            "keys": (b"k",),
            "key": b"k",
            "value": b"v",
            "parameter": b"",
            "service_name": "Obj",
            "signal": 1,
            "target": m.WorkflowTarget("W", "k"),
        }
        if entry_class in (m.CallCommand, m.OneWayCallCommand):
            continue  # their key is text; see above
        names = set(entry_class.__struct_fields__) - {"failure", "name"}
        entry = entry_class(**{name: fields.get(name, 1) for name in names})
        if isinstance(entry, m.GetPromiseCommand | m.PeekPromiseCommand | m.CompletePromiseCommand):
            entry = msgspec.structs.replace(entry, key="k")
        for lite in (True, False):
            assert json.loads(entry_json(entry, {}, SCHEMA, lite)), entry_class


def test_a_journal() -> None:
    shelf = Shelf()
    call = m.CallCommand("Svc", "greet", b"", (), "", None, 1, 2)
    first = (m.InputCommand((), b""), m.RunCommand(3, "pay"))
    identifier = shelf.invocation("x", add("k"), Status(Phase.INVOKED, NOW_MS, attempt=1), first)
    later = JournalChunk((call, m.CallInvocationIdCompletion(1, CALLEE)), NOW_MS + 1000)
    shelf.of_invocation("journal", identifier, later, keys.u32(2))
    shelf.invocation("y", add("k"), Status(Phase.INVOKED, NOW_MS, attempt=1))
    rows = query(shelf, f"SELECT * FROM sys_journal WHERE id = '{shelf.text_id('x')}' ORDER BY index DESC LIMIT 2")
    assert [row["index"] for row in rows] == [3, 2]
    assert json.loads(rows[1]["entry_json"])["Command"]["Call"]["request"]["invocation_id"] == CALLEE
    assert rows[1]["appended_at"] == "2026-11-22T14:23:12.533Z"
    assert {"version": 2, "name": "", "entry_type": "Command: Call"}.items() <= rows[1].items()
    assert "name" not in rows[0]
    sizes = "journal_size, journal_commands_size"
    assert one(f"SELECT {sizes} FROM sys_invocation WHERE id = '{shelf.text_id('x')}'", shelf) == {
        "journal_size": 4,
        "journal_commands_size": 3,
    }


def test_what_a_future_looks_like() -> None:
    future = m.Future((1,), (1,), combinator=m.Combinator.UNKNOWN)
    assert json.loads(future_json(future)) == {
        "Unknown": [{"Single": {"CompletionId": 1}}, {"Single": {"SignalIndex": 1}}]
    }


# --- the store ---


def test_rows_of_all_partitions_are_joined() -> None:
    shelf = Shelf()
    for number in range(200):
        standing = Status(Phase.PAUSED, number)
        shelf.invocation(f"n{number}", add(f"key-{number}"), standing)
    assert {partition_of_invocation(each, PARTITIONS) for each in shelf.ids.values()} == {0, 1, 2, 3}
    rows = list(StoreRows(shelf.store, PARTITIONS, SCHEMA).invocations(None))
    assert len(rows) == 200
    for row in rows:
        assert row.status is not None
        assert row.invocation.idempotency_key == f"n{row.status.modified_at}"


def test_one_that_is_neither_under_way_nor_finished_is_shown_as_it_is() -> None:
    shelf = Shelf()
    identifier = shelf.invocation("x", add("k"), Status(Phase.PAUSED, 1))
    rows = StoreRows(shelf.store, PARTITIONS, SCHEMA)
    (row,) = rows.invocations((identifier, bytes(24)))
    assert row.status is not None
    rows.close()
    assert list(rows.state(None, None)) == []
