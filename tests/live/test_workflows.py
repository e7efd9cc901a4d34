"""Workflows through a real node: once per key, promises, results, retention, and a kill in the middle."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import workflow_app

import odradek
from live_node import LiveNode, Refused, live_node, wait_until

pytestmark = pytest.mark.live

APP = Path(__file__).parent / "workflow_app.py"


@contextmanager
def running(directory: Path) -> Iterator[tuple[LiveNode, Path]]:
    recorder = directory / "recorder"
    recorder.touch()
    with live_node(directory, [APP], environment={"RECORDER_FILE": str(recorder)}) as node:
        yield node, recorder


def refusal(node: LiveNode, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, str]:
    with pytest.raises(Refused) as refused:
        node.request(
            method, node.ingress_url + path, body, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )
    return refused.value.status, refused.value.body["message"]


def result(node: LiveNode, key: str, how: str = "attach") -> Any:
    return node.request("GET", f"{node.ingress_url}/restate/workflow/SignUp/{key}/{how}").json()


def wait_for_stage(node: LiveNode, key: str, stage: str) -> None:
    wait_until(lambda: node.call("SignUp", key, "stage", None) == stage, f"stage {stage} of {key}")


@pytest.mark.row("C4", "C5", "C6", "G3")
def test_a_life(tmp_path: Path) -> None:
    with running(tmp_path) as (node, recorder):
        assert refusal(node, "GET", "/restate/workflow/SignUp/ada/attach") == (404, "not found")
        assert refusal(node, "GET", "/restate/workflow/SignUp/ada/output") == (404, "invocation not found")
        assert node.call("SignUp", "ada", "clicked", None) is None
        invocation = node.send("SignUp", "ada", "run", "ada@home")
        assert node.send("SignUp", "ada", "run", "eve@home") == invocation
        again = "the workflow method was already invoked"
        assert refusal(node, "POST", "/SignUp/ada/run", "eve@home") == (409, again)
        assert node.call("Callers", "call_run", "ada") == f"409 {again}"
        status, _ = refusal(node, "GET", "/restate/workflow/SignUp/ada/output")
        assert status == 470
        watching = node.send("SignUp", "ada", "watch", None)
        attached = node.send("Callers", "attach", invocation)
        assert node.call("SignUp", "ada", "click", "s3cret") == "thanks"
        assert result(node, "ada") == "ada@home clicked s3cret"
        assert result(node, "ada", "output") == "ada@home clicked s3cret"
        assert node.attach(invocation) == "ada@home clicked s3cret"
        assert node.attach(watching) == "s3cret"
        assert node.attach(attached) == "ada@home clicked s3cret"
        completed = "promise was already completed"
        assert refusal(node, "POST", "/SignUp/ada/click", "other") == (409, completed)
        assert refusal(node, "POST", "/SignUp/ada/refuse", "too late") == (409, completed)
        assert node.call("SignUp", "ada", "clicked", None) == "s3cret"
        assert node.call("SignUp", "ada", "stage", None) == "done"
        assert refusal(node, "POST", "/SignUp/ada/run", "eve@home") == (409, again)
        assert recorder.read_text().split("\n") == ["mail ada@home", "welcome ada@home", ""]


@pytest.mark.row("I11")
def test_a_purge_frees_the_key(tmp_path: Path) -> None:
    with running(tmp_path) as (node, _):
        invocation = node.send("SignUp", "ada", "run", "ada@home")
        node.call("SignUp", "ada", "click", "first")
        node.attach(invocation)
        node.request("PATCH", f"{node.admin_url}/invocations/{invocation}/purge")
        assert refusal(node, "GET", "/restate/workflow/SignUp/ada/output") == (404, "invocation not found")
        assert node.call("SignUp", "ada", "clicked", None) is None
        assert node.state("SignUp", "ada") == {}
        assert node.send("SignUp", "ada", "run", "ada@work") == invocation
        node.call("SignUp", "ada", "click", "second")
        assert result(node, "ada") == "ada@work clicked second"


@pytest.mark.row("G3")
def test_a_rejected_promise(tmp_path: Path) -> None:
    with running(tmp_path) as (node, _):
        node.call("SignUp", "eve", "refuse", "no spam")
        assert refusal(node, "POST", "/SignUp/eve/run", "eve@home") == (418, "no spam")
        assert refusal(node, "POST", "/SignUp/eve/watch") == (418, "no spam")


@pytest.mark.row("E14", "G3")
def test_a_kill_in_the_middle(tmp_path: Path) -> None:
    with running(tmp_path) as (node, recorder):
        invocation = node.send("SignUp", "ada", "run", "ada@home")
        called = node.send("Callers", "call_run", "bob")
        attached = node.send("Callers", "attach", invocation)
        wait_for_stage(node, "ada", "waiting")
        wait_for_stage(node, "bob", "waiting")
        node.restart()
        watching = node.send("SignUp", "ada", "watch", None)
        node.call("SignUp", "ada", "click", "s3cret")
        node.restart()
        node.call("SignUp", "bob", "click", "b0b")
        assert result(node, "ada") == "ada@home clicked s3cret"
        assert node.attach(attached) == "ada@home clicked s3cret"
        assert node.attach(watching) == "s3cret"
        assert node.attach(called) == "bob@called clicked b0b"
        assert node.call("SignUp", "ada", "clicked", None) == "s3cret"
        mails = [line for line in recorder.read_text().split("\n") if line.startswith("mail")]
        assert sorted(mails) == ["mail ada@home", "mail bob@called"]


@pytest.mark.row("B11", "B12", "B13")
def test_names_of_a_run(tmp_path: Path) -> None:
    with running(tmp_path) as (node, _):
        invocation = node.send("SignUp", "ada", "run", "ada@home")
        name = {"target": "workflow", "workflowName": "SignUp", "workflowKey": "ada"}
        url = f"{node.ingress_url}/restate/"
        assert node.request("POST", url + "lookup", name).json() == {"invocationId": invocation}
        assert refusal(node, "POST", "/restate/output", name)[0] == 470
        node.call("SignUp", "ada", "click", "s3cret")
        assert node.request("POST", url + "attach", name).json() == "ada@home clicked s3cret"
        status, message = refusal(node, "POST", "/SignUp/bob/run", "bob@home", idempotency_key="k")
        assert (status, message.partition(".")[0]) == (400, "cannot use the idempotency key with workflow handlers")


def test_the_tables_show_it(tmp_path: Path) -> None:
    with running(tmp_path) as (node, _):
        invocation = node.send("SignUp", "ada", "run", "ada@home")
        wait_for_stage(node, "ada", "waiting")
        promises = "SELECT service_name, service_key, key, completed, completion_success_value_utf8 FROM sys_promise"
        open_row = {"service_name": "SignUp", "service_key": "ada", "key": "click", "completed": False}
        assert wait_until(lambda: node.sql(promises), "the promise") == [open_row]
        node.call("SignUp", "ada", "click", "s3cret")
        node.attach(invocation)
        done = open_row | {"completed": True, "completion_success_value_utf8": '"s3cret"'}
        assert node.sql(promises) == [done]
        row = "SELECT target, target_service_ty, status, idempotency_key, completion_retention FROM sys_invocation"
        assert node.sql(f"{row} WHERE id = '{invocation}'") == [
            {
                "target": "SignUp/ada/run",
                "target_service_ty": "workflow",
                "status": "completed",
                "completion_retention": "PT172800S",
            }
        ]
        service = node.request("GET", f"{node.admin_url}/services/SignUp").json()
        assert (service["ty"], service["workflow_completion_retention"]) == ("Workflow", "2d")


def test_the_client(tmp_path: Path) -> None:
    async def sign_up(url: str) -> str:
        async with odradek.create_client(url) as client:
            await client.workflow_send(workflow_app.run, "ada", "ada@home")
            assert await client.workflow_call(workflow_app.click, "ada", "s3cret") == "thanks"
            with pytest.raises(odradek.HttpError, match="the workflow method was already invoked") as refused:
                await client.workflow_call(workflow_app.run, "ada", "ada@home")
            assert refused.value.status_code == 409
            return await client.workflow_call(workflow_app.watch, "ada", None)

    with running(tmp_path) as (node, _):
        assert asyncio.run(sign_up(node.ingress_url)) == "s3cret"


@pytest.mark.row("E9", "G4")
def test_a_second_signal_of_a_name_is_waited_for_in_peace(tmp_path: Path) -> None:
    """The first one, which is in the journal for good, must not start the handler again and again."""
    with running(tmp_path) as (node, _):
        invocation = node.send("Callers", "hear_twice", None)
        status = f"SELECT status, modified_at FROM sys_invocation WHERE id = '{invocation}'"
        signals = f"SELECT index FROM sys_journal WHERE id = '{invocation}' AND entry_type = 'Notification: Signal'"

        def suspended_after(count: int) -> list[dict[str, Any]] | None:
            heard = len(node.sql(signals))
            rows = node.sql(status)
            return rows if heard == count and rows and rows[0]["status"] == "suspended" else None

        wait_until(lambda: suspended_after(0), "the first wait")
        node.call("Callers", "say", [invocation, "hello"])
        waiting = wait_until(lambda: suspended_after(1), "the second wait")
        for _ in range(20):
            assert node.sql(status) == waiting
        node.restart()
        node.call("Callers", "say", [invocation, "world"])
        assert node.attach(invocation) == "hello world"
