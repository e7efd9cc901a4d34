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
JOURNEYS = 50
LEGS = 6
PUBLIC_KEY = "publickeyv1_w7YHemBctH5Ck2nQRQ47iBBqhNHy4FV7t2Usbye2A6f"
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
    assert "every handler of" in node.said()
    assert "by spin (" in node.said()
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


def test_a_child_that_hangs_does_not_keep_the_node(node: LiveNode, tmp_path: Path) -> None:
    child = node.call("Rough", "process", None)
    node.send("Rough", "match", "m")
    wait_until(lambda: marks(tmp_path, "m"), "the handler holds the interpreter")
    assert node.stop() == 0
    assert not is_there(child)


@pytest.mark.parametrize("busy", ["", "spin", "match"])
def test_a_node_that_is_killed_leaves_no_orphan(node: LiveNode, tmp_path: Path, busy: str) -> None:
    child = node.call("Rough", "process", None)
    if busy:
        node.send("Rough", busy, "s")
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


def legs(tmp_path: Path) -> dict[str, list[int]]:
    """For each journey the legs in the order in which they were recorded."""
    found: dict[str, list[int]] = {}
    for line in marks(tmp_path, "journeys"):
        name, leg = line.split()
        found.setdefault(name, []).append(int(leg))
    return found


def test_journeys_go_on_from_their_last_acknowledged_leg(node: LiveNode, tmp_path: Path) -> None:
    child = node.call("Rough", "process", None)
    journeys = [node.send("Rough", "journey", f"j{number}") for number in range(JOURNEYS)]
    wait_until(lambda: sum(map(len, legs(tmp_path).values())) > JOURNEYS * LEGS // 3, "the journeys are under way")
    os.kill(child, signal.SIGKILL)
    assert [node.attach(each) for each in journeys] == [f"j{number}" for number in range(JOURNEYS)]
    for journey in legs(tmp_path).values():
        assert sorted(set(journey)) == list(range(LEGS))
        assert journey == sorted(journey), "a leg was run again though a later one had begun"
    assert len(legs(tmp_path)) == JOURNEYS


def test_settings_that_were_changed_stay_over_restarts_of_child_and_node(node: LiveNode) -> None:
    url = f"{node.admin_url}/services/Counter"
    node.request("PATCH", url, {"abort_timeout": "3m"})
    child = node.call("Rough", "process", None)
    os.kill(child, signal.SIGKILL)
    assert node.call("Rough", "process", None) != child
    node.restart()
    service = node.request("GET", url).json()
    assert (service["abort_timeout"], service["revision"]) == ("3m", 1)
    assert len(node.request("GET", f"{node.admin_url}/deployments").json()["deployments"]) == 1


GREETER = """
import os
import odradek
greeter = odradek.Service("Greeter")
@greeter.handler()
async def {handler}(ctx: odradek.Context) -> int:
    return os.getpid()
app = odradek.app([greeter]{options})
"""


def greeter_service(node: LiveNode) -> tuple[int, list[str]]:
    service = node.request("GET", f"{node.admin_url}/services/Greeter").json()
    return service["revision"], [handler["name"] for handler in service["handlers"]]


def test_a_file_that_was_changed_is_a_new_revision_once_its_child_is_back(tmp_path: Path) -> None:
    app_file = tmp_path / "greeter.py"
    app_file.write_text(GREETER.format(handler="hello", options=""))
    with live_node(tmp_path, [app_file], options=["--isolated"]) as node:
        child = node.call("Greeter", "hello", None)
        assert greeter_service(node) == (1, ["hello"])
        app_file.write_text("import odradek\nodradek.nothing()\n")
        os.kill(child, signal.SIGKILL)
        wait_until(lambda: "cannot be served again" in node.said(), "the file cannot be loaded")
        assert "line 2: AttributeError: module 'odradek' has no attribute 'nothing'" in node.said()
        assert greeter_service(node) == (1, ["hello"])
        app_file.write_text(GREETER.format(handler="goodbye", options=""))
        wait_until(lambda: greeter_service(node) == (2, ["goodbye"]), "the new file is served")
        assert node.call("Greeter", "goodbye", None) != child


@pytest.mark.parametrize("options", [', protocol="request_response"', f', identity_keys=["{PUBLIC_KEY}"]'])
def test_how_others_reach_an_application_does_not_matter_to_its_node(tmp_path: Path, options: str) -> None:
    app_file = tmp_path / "greeter.py"
    app_file.write_text(GREETER.format(handler="hello", options=options))
    with live_node(tmp_path, [app_file], environment={"RESTATE_WORKER__INVOKER__ISOLATED": "true"}) as node:
        assert node.call("Greeter", "hello", None) != node.process_id


@pytest.mark.parametrize("options", [[], ["--isolated"]])
def test_an_application_that_cannot_be_loaded_ends_the_node_with_a_clear_word(
    tmp_path: Path, options: list[str]
) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("import odradek\nodradek.nothing()\n")
    with pytest.raises(NodeDidNotStart) as ended, live_node(tmp_path, [broken], options=options):
        pass
    why = "line 2: AttributeError: module 'odradek' has no attribute 'nothing'"
    assert str(ended.value).endswith(f"ended with exit code 1:\nError: {broken} cannot be loaded: {why}\n")


def test_an_application_that_ends_while_it_is_loaded_ends_the_node(tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("import os\nos._exit(7)\n")
    with pytest.raises(NodeDidNotStart) as ended, live_node(tmp_path, [broken], options=["--isolated"]):
        pass
    assert f"Error: {broken} cannot be served: its process ended with exit code 7\n" in str(ended.value)
