"""examples/delayed_queue.py: a task is done once, when it is due, by whichever process is there then."""

import time
from collections.abc import Iterator

import pytest

from example_node import OutsideWorld, running_example
from live_node import LiveNode

pytestmark = pytest.mark.live

Running = tuple[LiveNode, OutsideWorld]
DELAY_S = 2.5


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_example("delayed_queue.py", tmp_path_factory.mktemp("delayed_queue")) as running:
        yield running


def test_a_task_is_done_when_it_is_due_although_the_node_was_killed(running: Running) -> None:
    node, world = running
    submitted_at = time.time()
    invocation = node.call("TaskSubmitter", "submit", {"id": "t1", "what": "poems", "delay_s": DELAY_S})
    node.restart()
    assert node.attach(invocation) == "poems: typeset, print, bind"
    steps = world.done("print-shop")
    assert [(each["request_id"], each["action"]) for each in steps] == [
        ("t1", "typeset"),
        ("t1", "print"),
        ("t1", "bind"),
    ]
    assert steps[0]["at"] >= submitted_at + DELAY_S


def test_a_task_submitted_twice_is_one_task(running: Running) -> None:
    node, _ = running
    task = {"id": "t2", "what": "novel"}
    first = node.call("TaskSubmitter", "submit", task)
    assert node.call("TaskSubmitter", "submit", task) == first
    assert node.attach(first) == "novel: typeset, print, bind"
    rows = node.sql(
        "SELECT id FROM sys_invocation WHERE target = 'AsyncTaskWorker/run_task' AND idempotency_key = 't2'"
    )
    assert rows == [{"id": first}]
