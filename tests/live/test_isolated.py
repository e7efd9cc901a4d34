"""`odradek server --app app.py --isolated`: what happens to the application's process happens to it alone."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from live_node import LiveNode, NodeDidNotStart, live_node, wait_until

pytestmark = pytest.mark.live

APP_FILE = Path(__file__).parent / "isolated_app.py"
QUICK = {
    "RESTATE_DEFAULT_RETRY_POLICY__INITIAL_INTERVAL": "50ms",
    "RESTATE_WORKER__INVOKER__HTTP2_KEEP_ALIVE_INTERVAL": "1s",
    "RESTATE_WORKER__INVOKER__HTTP2_KEEP_ALIVE_TIMEOUT": "2s",
}


@pytest.fixture
def node(tmp_path: Path) -> Iterator[LiveNode]:
    marks = tmp_path / "marks"
    marks.mkdir()
    environment = {**QUICK, "MARKS": str(marks)}
    with live_node(tmp_path, [APP_FILE], environment=environment, options=["--isolated"]) as running:
        yield running


def is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{process}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


def marks(tmp_path: Path, name: str) -> list[str]:
    file = tmp_path / "marks" / name
    return file.read_text().splitlines() if file.exists() else []


def test_handlers_run_in_a_child_process(node: LiveNode) -> None:
    child = node.call("Rough", "process", None)
    assert child != node.process_id
    assert [node.call("Counter", "a", "add", number) for number in (1, 2)] == [1, 3]
    assert node.call("Rough", "process", None) == child


def test_a_crash_costs_an_attempt_and_a_new_process(node: LiveNode, tmp_path: Path) -> None:
    child = node.call("Rough", "process", None)
    assert node.call("Rough", "crash", "c") == "True 1"
    assert len(marks(tmp_path, "c")) == 2
    assert node.call("Rough", "process", None) != child
    assert "ended with exit code 3: it starts again in 0.2 s" in node.said()


def test_a_handler_that_blocks_holds_up_its_process_alone(node: LiveNode, tmp_path: Path) -> None:
    child = node.call("Rough", "process", None)
    invocation = node.send("Rough", "spin", "s")
    wait_until(lambda: marks(tmp_path, "s"), "the handler blocks")
    node.request("GET", f"{node.admin_url}/services")
    assert node.attach(invocation) == "done"
    assert node.call("Rough", "process", None) != child
    assert "did not answer for 2 s" in node.said()
    assert "was ended by SIGKILL" in node.said()


def test_a_killed_process_is_replaced_and_its_invocations_go_on(node: LiveNode, tmp_path: Path) -> None:
    child = node.call("Rough", "process", None)
    waiting = [node.send("Rough", "wait", "w") for _ in range(20)]
    wait_until(lambda: len(marks(tmp_path, "w")) == 20, "the handlers wait")
    os.kill(child, signal.SIGKILL)
    assert [node.attach(each) for each in waiting] == ["rested"] * 20
    assert "was ended by SIGKILL: it starts again" in node.said()


def test_the_child_ends_with_the_node(node: LiveNode) -> None:
    child = node.call("Rough", "process", None)
    assert node.stop() == 0
    assert not is_there(child)


@pytest.mark.parametrize("busy", [False, True])
def test_a_node_that_is_killed_leaves_no_orphan(node: LiveNode, tmp_path: Path, busy: bool) -> None:
    child = node.call("Rough", "process", None)
    if busy:
        node.send("Rough", "spin", "s")
        wait_until(lambda: marks(tmp_path, "s"), "the handler blocks")
    node.kill()
    wait_until(lambda: not is_there(child), "the child ends")
    node.start()
    assert node.call("Rough", "process", None) != child


def test_state_and_services_are_the_node_s_own_either_way(tmp_path: Path) -> None:
    marks_directory = tmp_path / "marks"
    marks_directory.mkdir()
    environment = {"MARKS": str(marks_directory)}
    processes = []
    for number, options in enumerate((["--isolated"], [], ["--isolated"])):
        with live_node(tmp_path, [APP_FILE], environment=environment, options=options) as node:
            assert node.call("Counter", "a", "add", 1) == number + 1
            assert node.request("GET", f"{node.admin_url}/services/Counter").json()["revision"] == 1
            processes.append(node.call("Rough", "process", None) == node.process_id)
    assert processes == [False, True, False]


def test_an_application_that_cannot_be_loaded_ends_the_node_with_a_clear_word(tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("import odradek\nodradek.nothing()\n")
    with pytest.raises(NodeDidNotStart) as ended, live_node(tmp_path, [broken], options=["--isolated"]):
        pass
    assert "has no attribute 'nothing'" in str(ended.value)
    assert "cannot be served: its process ended with exit code 1" in str(ended.value)
    assert "Traceback" not in str(ended.value)
