"""examples/priority_queue.py under both: the order of urgency, and a job that is cancelled while it waits."""

from collections.abc import Callable

import pytest
from scene import Scene

pytestmark = [pytest.mark.oracle, pytest.mark.live]


def script(scene: Scene) -> None:
    scene.call("Printing", "print", {"id": "alone", "text": "a poem"})
    scene.until_idle()
    scene.world.take_down("printer")
    jobs = [scene.send("Printing", "print", {"id": "first", "text": "a poem"})]
    scene.until_it_fails("Printing/print")
    for name, priority in {"low": 1, "high": 9, "middle": 5, "cancelled": 7}.items():
        jobs.append(scene.send("Printing", "print", {"id": name, "text": "a poem", "priority": priority}))
        scene.until(f"SELECT key FROM state WHERE value_utf8 LIKE '%\"priority\":{priority}%'")
    cancelled = jobs.pop()
    scene.cancel(cancelled)
    scene.attach(cancelled)
    scene.world.take_down()
    for job in jobs:
        scene.attach(job)
    scene.until_idle()
    scene.call("PriorityQueue", "printer", "leave", "somebody")


def test_priority_queue(assert_equal: Callable[..., None]) -> None:
    assert_equal("priority_queue.py", script)
