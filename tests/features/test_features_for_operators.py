"""Rows of docs/features.md that only a running node shows: statuses over HTTP, edits of state, SQL."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from live_node import LiveNode, Refused, live_node, wait_until
from odradek_engine.partition.decide.edit_state import state_version

pytestmark = pytest.mark.live

APP = Path(__file__).parent / "operated_app.py"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveNode]:
    directory = tmp_path_factory.mktemp("operated")
    with live_node(directory, [APP], environment={"ATTEMPTS_FILE": str(directory / "attempts")}) as running:
        yield running


def refusal(node: LiveNode, method: str, url: str, body: Any = None) -> tuple[int, Any]:
    with pytest.raises(Refused) as refused:
        node.request(method, url, body)
    return refused.value.status, refused.value.body


def row_of(node: LiveNode, invocation: str, columns: str = "*") -> dict[str, Any]:
    rows = node.sql(f"SELECT {columns} FROM sys_invocation WHERE id = '{invocation}'")
    return rows[0] if rows else {}


def wait_for_status(node: LiveNode, invocation: str, status: str) -> dict[str, Any]:
    def reached() -> dict[str, Any] | None:
        row = row_of(node, invocation)
        return row if row.get("status") == status else None

    return wait_until(reached, f"{invocation} {status}")


def edit(node: LiveNode, key: str, state: Mapping[str, Any], version: str | None = None) -> int:
    body = {"object_key": key, "new_state": state, "version": version}
    return node.request("POST", f"{node.admin_url}/services/Counter/state", body).status_code


def bytes_of(value: Any) -> list[int]:
    return list(json.dumps(value).encode())


# --- C ---


@pytest.mark.row("C7", "B17")
@pytest.mark.parametrize("path", ["Hidden/secret", "Hidden/secret/send", "Half/inner", "restate/call/Half/inner"])
def test_private_handlers_are_not_there_for_outsiders(node: LiveNode, path: str) -> None:
    expected = {"code": 400, "message": "the invoked service is not public", "source": "ingress"}
    assert refusal(node, "POST", f"{node.ingress_url}/{path}") == (400, expected)
    assert node.call("Half", "outer", None) == ["secret", "inner"]


# --- D ---


@pytest.mark.row("D5", "D7")
def test_an_edit_replaces_the_whole_state(node: LiveNode) -> None:
    assert node.call("Counter", "a/b", "add", 5) == 5
    assert edit(node, "a/b", {"count": bytes_of(41), "other": [255, 0]}) == 202
    assert node.call("Counter", "a/b", "add", 1) == 42
    rows = node.sql("SELECT * FROM state WHERE service_name = 'Counter' AND service_key = 'a/b' ORDER BY key")
    shown = [(row["key"], row.get("value_utf8"), row["value"], row["value_length"]) for row in rows]
    assert shown == [("count", "42", b"42".hex(), 2), ("other", None, "ff00", 2)]
    assert edit(node, "a/b", {"count": "7"}) == 202
    assert node.state("Counter", "a/b") == {"count": 7}


@pytest.mark.row("D5")
def test_an_edit_waits_for_who_holds_the_object(node: LiveNode) -> None:
    holding = node.send("Counter", "held", "hold", None)
    wait_until(lambda: node.state("Counter", "held") == {"held": True}, "the object is held")
    assert edit(node, "held", {"count": bytes_of(10)}) == 202
    behind = node.send("Counter", "held", "add", 1)
    node.restart()
    assert node.state("Counter", "held") == {"held": True}
    assert [row["id"] for row in node.sql("SELECT id FROM sys_inbox WHERE service_key = 'held'")] == [behind]
    node.call("Failing", "release", holding)
    assert node.attach(behind) == 11
    assert node.state("Counter", "held") == {"count": 11}


@pytest.mark.row("D5")
def test_an_edit_of_a_state_that_has_changed_since_does_nothing(node: LiveNode) -> None:
    node.call("Counter", "versions", "add", 1)
    version = state_version({b"count": b"1"})
    node.call("Counter", "versions", "add", 1)
    assert edit(node, "versions", {"count": bytes_of(0)}, version) == 202
    assert node.call("Counter", "versions", "add", 0) == 2
    assert edit(node, "versions", {"count": bytes_of(0)}, state_version({b"count": b"2"})) == 202
    assert node.call("Counter", "versions", "add", 0) == 0


@pytest.mark.row("D5")
def test_plain_services_have_no_state_to_edit(node: LiveNode) -> None:
    body = {"object_key": "", "new_state": {}}
    expected = {"message": "Cannot modify state for service type Service", "restate_code": None}
    assert refusal(node, "POST", f"{node.admin_url}/services/Failing/state", body) == (400, expected)


@pytest.mark.row("D6")
def test_state_is_cleared(node: LiveNode) -> None:
    node.call("Counter", "cleared", "add", 1)
    assert edit(node, "cleared", {}, state_version({b"count": b"1"})) == 202
    assert node.call("Counter", "cleared", "read", None) is None
    assert node.sql("SELECT key FROM state WHERE service_key = 'cleared'") == []


# --- H ---


@pytest.mark.row("H10")
@pytest.mark.parametrize(
    ("handler", "code", "message", "related"),
    [
        ("in_a_step", "RT0007", "[500 Internal] ValueError('broken step')", (2, "bad step", "Run")),
        ("behind_a_step", "RT0007", "[500 Internal] ValueError('broken')", (1, "good step", "Run")),
        ("call_nobody", "RT0018", "[500 Internal] cannot process command", (1, None, "Call")),
    ],
)
def test_the_last_failure_is_shown(
    node: LiveNode, handler: str, code: str, message: str, related: tuple[int, str | None, str]
) -> None:
    row = wait_for_status(node, node.send("Failing", handler, None), "backing-off")
    assert row["last_failure"].startswith(message)
    assert (row["last_failure_error_code"], row["retry_count"]) == (code, 1)
    names = ("index", "name", "type")
    assert tuple(row.get(f"last_failure_related_command_{name}") for name in names) == related
    assert row["next_retry_at"] > row["modified_at"]


@pytest.mark.row("H11", "H2")
def test_failures_are_events_and_equal_ones_in_a_row_are_one(node: LiveNode) -> None:
    invocation = node.send("Failing", "say_other_things", None)
    row = wait_for_status(node, invocation, "paused")
    assert [name for name in row if "failure" in name or "retry" in name] == []
    columns = "event_type, event_json, after_journal_entry_index"
    events = node.sql(f"SELECT {columns} FROM sys_journal_events WHERE id = '{invocation}' ORDER BY appended_at")
    assert [event["event_type"] for event in events] == ["TransientError"] * 4 + ["Paused"]
    told = [json.loads(event["event_json"]) for event in events]
    messages = [f"ValueError('message {number}')" for number in range(1, 5)]
    assert [event["error_message"] for event in told[:4]] == messages
    assert {event["restate_doc_error_code"] for event in told[:4]} == {"RT0007"}
    assert told[4]["last_failure"]["error_message"] == messages[-1]


@pytest.mark.row("H13")
def test_a_write_where_state_is_read_only_is_told(node: LiveNode) -> None:
    invocation = node.send("Counter", "misused", "write", None)
    row = wait_for_status(node, invocation, "backing-off")
    assert "Counter/write of key 'misused': ctx.set in a shared handler" in row["last_failure"]
    assert node.call("Counter", "misused", "add", 1) == 1


# --- J ---


@pytest.mark.row("J3")
def test_retentions_are_shown_as_they_are_kept(node: LiveNode) -> None:
    def retentions(invocation: str) -> list[str]:
        row = row_of(node, invocation)
        return [row["completion_retention"], row["journal_retention"]]

    with_keys = [node.send("Kept", handler, None) for handler in ("journal_first", "together")]
    without_keys = node.call("Kept", "call_both", None)
    assert [retentions(each) for each in with_keys] == [["PT10800S", "PT7200S"], ["PT10800S", "PT10800S"]]
    assert [retentions(each) for each in without_keys] == [["PT7200S", "PT7200S"], ["PT86400S", "PT86400S"]]


# --- I ---


def act(node: LiveNode, invocation: str, action: str) -> Any:
    return node.request("PATCH", f"{node.admin_url}/invocations/{invocation}/{action}").json()


@pytest.mark.row("I9", "I10")
def test_restarts_keep_as_much_as_they_are_told_to(node: LiveNode) -> None:
    before = node.send("Failing", "gamble", None)
    results = node.attach(before)
    for start, kept in (("", 0), ("?from=1", 2), ("?from=3", 3)):
        anew = act(node, before, f"restart-as-new{start}")["new_invocation_id"]
        assert [new == old for new, old in zip(node.attach(anew), results, strict=True)] == [
            number < kept for number in range(3)
        ]
        row = row_of(node, anew)
        assert (row["invoked_by"], row["restarted_from"], row["target"]) == ("restart_as_new", before, "Failing/gamble")
    assert node.attach(before) == results


@pytest.mark.row("I9")
def test_what_cannot_be_restarted(node: LiveNode) -> None:
    holder = node.send("Counter", "restarts", "hold", None)
    url = f"{node.admin_url}/invocations/{holder}/restart-as-new"
    message = f"The invocation '{holder}' is still running."
    assert refusal(node, "PATCH", url) == (409, {"message": message, "restate_code": None})


@pytest.mark.row("I14")
def test_a_batch_says_of_each_what_became_of_it(node: LiveNode) -> None:
    ended, backing_off = node.send("Counter", "batch", "add", 1), node.send("Failing", "behind_a_step", None)
    node.attach(ended)
    wait_for_status(node, backing_off, "backing-off")
    unknown = "inv_1gA1bkjbSDNe5Oe8AYv0PhmXuI38GnZKGV"
    url = f"{node.admin_url}/internal/invocations_batch_operations"
    answer = node.request("POST", f"{url}/kill", {"invocation_ids": [ended, backing_off, unknown]}).json()
    failed = [
        {"invocation_id": ended, "error": f"Invocation '{ended}' was already completed"},
        {"invocation_id": unknown, "error": f"Invocation '{unknown}' not found"},
    ]
    assert answer == {"succeeded": [backing_off], "failed": failed}
    assert row_of(node, backing_off)["completion_failure"] == "[409] killed"


@pytest.mark.row("I6")
def test_a_running_invocation_is_paused_and_holds_its_object(node: LiveNode) -> None:
    holder = node.send("Counter", "paused", "hold", None)
    wait_until(lambda: node.state("Counter", "paused") == {"held": True}, "the object is held")
    assert node.request("PATCH", f"{node.admin_url}/invocations/{holder}/pause").status_code == 202
    wait_for_status(node, holder, "paused")
    behind = node.send("Counter", "paused", "add", 1)
    node.call("Failing", "release", holder)
    assert row_of(node, behind, "status") == {"status": "pending"}
    assert node.request("PATCH", f"{node.admin_url}/invocations/{holder}/pause").status_code == 200
    assert node.request("PATCH", f"{node.admin_url}/invocations/{holder}/resume").status_code == 200
    assert node.attach(behind) == 1


@pytest.mark.row("I12")
def test_only_the_journal_is_purged(node: LiveNode) -> None:
    done = node.send("Counter", "purged", "add", 5)
    assert node.attach(done) == 5
    journal = f"SELECT index FROM sys_journal WHERE id = '{done}'"
    assert node.sql(journal)
    assert node.request("PATCH", f"{node.admin_url}/invocations/{done}/purge-journal").status_code == 200
    assert node.sql(journal) == []
    assert node.attach(done) == 5


@pytest.mark.row("L5", "I1")
def test_how_services_stand(node: LiveNode) -> None:
    holder = node.send("Counter", "busy", "hold", None)
    wait_until(lambda: node.state("Counter", "busy") == {"held": True}, "the object is held")
    waiting = [node.send("Counter", "busy", "add", 1) for _ in range(2)]
    of_key = "target_service_name = 'Counter' AND target_service_key = 'busy'"
    counts = node.sql(f"SELECT status, COUNT(1) AS n FROM sys_invocation WHERE {of_key} GROUP BY status ORDER BY n")
    assert counts == [{"status": "running", "n": 1}, {"status": "pending", "n": 2}]
    (locked,) = node.sql(
        f"SELECT first_value(id) AS id, target_service_key FROM sys_invocation WHERE {of_key} "
        "AND status != 'pending' GROUP BY target_service_name, target_service_key, status"
    )
    assert locked == {"id": holder, "target_service_key": "busy"}
    (pending,) = node.sql(
        "SELECT service_key, COUNT(1) AS num_pending FROM sys_inbox WHERE service_key = 'busy' GROUP BY service_key"
    )
    assert pending["num_pending"] == 2
    node.call("Failing", "release", holder)
    assert [node.attach(each) for each in waiting] == [1, 2]


# --- N ---


@pytest.mark.row("N10")
def test_a_node_that_was_told_to_stop_goes_on_with_its_work(node: LiveNode) -> None:
    holder = node.send("Counter", "stopped", "hold", None)
    wait_until(lambda: node.state("Counter", "stopped") == {"held": True}, "the object is held")
    assert node.stop() == 0
    node.start()
    wait_for_status(node, holder, "running")
    node.call("Failing", "release", holder)
    node.attach(holder)
    assert node.state("Counter", "stopped") == {"held": True, "released": True}
