"""Errors through a real node: terminal ones with metadata, retries and their ends, cancellation, mismatches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from live_node import LiveNode, Refused, live_node, wait_until

pytestmark = pytest.mark.live

APP = Path(__file__).parent / "errors_app.py"
CHANGING_APP = """
import odradek

changing = odradek.Service("Changing")


@changing.handler()
async def wait(ctx: odradek.Context) -> str:
    await ctx.run_typed({step!r}, lambda: 1)
    _, promise = ctx.awakeable()
    return await promise


app = odradek.app([changing])
"""


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("errors") / "recorder"
    path.touch()
    return path


@pytest.fixture(scope="module")
def node(recorder: Path) -> Iterator[LiveNode]:
    with live_node(recorder.parent, [APP], environment={"RECORDER_FILE": str(recorder)}) as running:
        yield running


def refusal(node: LiveNode, *path: Any) -> tuple[int, dict[str, Any]]:
    with pytest.raises(Refused) as refused:
        node.call(*path)
    return refused.value.status, refused.value.body


def standing(node: LiveNode, invocation: str, columns: str = "status") -> dict[str, Any]:
    rows = node.sql(f"SELECT {columns} FROM sys_invocation WHERE id = '{invocation}'")
    return rows[0] if rows else {}


def wait_for_status(node: LiveNode, invocation: str, status: str) -> None:
    wait_until(lambda: standing(node, invocation).get("status") == status, f"{invocation} {status}")


@pytest.mark.row("H5", "H6", "E5", "F1")
def test_a_terminal_error_travels_with_its_metadata(node: LiveNode) -> None:
    expected = {"code": 418, "message": "no tea", "source": "invocation", "metadata": {"shelf": "3"}}
    assert refusal(node, "Errors", "refuse", "no tea") == (418, expected)
    assert refusal(node, "Errors", "pass_on", "no tea") == (418, expected)
    assert node.call("Errors", "refuse_in_step", "no tea") == "418 no tea {'shelf': '4'}"


@pytest.mark.row("H3", "H4")
def test_the_last_attempt_kills(node: LiveNode, recorder: Path) -> None:
    status, body = refusal(node, "Errors", "give_up", "giving up")
    assert (status, body["code"], body["source"]) == (500, 500, "invocation")
    assert "attempt 3" in body["message"]
    assert "give_up" in body["stacktrace"]
    assert recorder.read_text().splitlines().count("giving up") == 3


@pytest.mark.row("H11", "I7")
def test_the_last_attempt_pauses(node: LiveNode) -> None:
    invocation = node.send("Errors", "stop_at_two", "stopping")
    wait_for_status(node, invocation, "paused")
    events = node.sql(f"SELECT event_type FROM sys_journal_events WHERE id = '{invocation}'")
    assert [event["event_type"] for event in events] == ["TransientError", "TransientError", "Paused"]
    node.request("PATCH", f"{node.admin_url}/invocations/{invocation}/resume")
    assert node.attach(invocation) == 3


def test_delays_of_the_handler_are_not_counted(node: LiveNode) -> None:
    assert node.call("Errors", "ask_for_time", "asking") == 5


@pytest.mark.row("I3")
def test_cancelling_cascades_and_is_undone(node: LiveNode, recorder: Path) -> None:
    invocation = node.send("Trips", "ada", "travel", "grand")
    wait_until(lambda: node.state("Trips", "ada").get("stage") == "staying", "the stay")
    child = "SELECT id FROM sys_invocation WHERE target = 'Trips/grand/stay'"
    (row,) = wait_until(lambda: node.sql(child), "the child")
    node.request("PATCH", f"{node.admin_url}/invocations/{invocation}/cancel")
    assert node.attach(invocation) == "undone after 409 cancelled"
    wait_for_status(node, row["id"], "completed")
    assert node.state("Trips", "grand") == {"seen": "409 cancelled"}
    assert node.state("Trips", "ada") == {"stage": "undone"}
    assert [line for line in recorder.read_text().splitlines() if "grand" in line] == ["book grand", "undo grand"]


@pytest.mark.row("I5")
def test_killing_ends_children_too(node: LiveNode, recorder: Path) -> None:
    invocation = node.send("Trips", "eve", "travel", "ritz")
    wait_until(lambda: node.state("Trips", "eve").get("stage") == "staying", "the stay")
    (row,) = wait_until(lambda: node.sql("SELECT id FROM sys_invocation WHERE target = 'Trips/ritz/stay'"), "the child")
    node.request("PATCH", f"{node.admin_url}/invocations/{invocation}/kill")
    with pytest.raises(Refused) as refused:
        node.attach(invocation)
    assert (refused.value.status, refused.value.body["message"]) == (409, "killed")
    wait_for_status(node, row["id"], "completed")
    failure = standing(node, row["id"], "completion_failure")
    assert failure == {"completion_failure": "[409] killed"}
    assert "undo ritz" not in recorder.read_text()


@pytest.mark.row("E12")
def test_changed_code_pauses_at_once(tmp_path: Path) -> None:
    app = tmp_path / "changing_app.py"
    app.write_text(CHANGING_APP.format(step="before"))
    with live_node(tmp_path, [app]) as node:
        invocation = node.send("Changing", "wait", None)
        steps = f"SELECT index FROM sys_journal WHERE id = '{invocation}' AND entry_type = 'Notification: Run'"
        wait_until(lambda: node.sql(steps), "the step")
        node.kill()
        app.write_text(CHANGING_APP.format(step="after"))
        node.start()
        wait_for_status(node, invocation, "paused")
        events = node.sql(f"SELECT event_type, event_json FROM sys_journal_events WHERE id = '{invocation}'")
        assert [event["event_type"] for event in events] == ["TransientError", "Paused"]
        assert "RT0016" in events[0]["event_json"]
        node.kill()
        app.write_text(CHANGING_APP.format(step="before"))
        node.start()
        node.request("PATCH", f"{node.admin_url}/invocations/{invocation}/resume")
        wait_for_status(node, invocation, "running")
