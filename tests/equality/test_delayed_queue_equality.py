"""examples/delayed_queue.py under both."""

from collections.abc import Callable

import pytest
from scene import Scene

pytestmark = [pytest.mark.oracle, pytest.mark.live]


def script(scene: Scene) -> None:
    later = scene.call("TaskSubmitter", "submit", {"id": "t1", "what": "poems", "delay_s": 2.0})
    scene.get("restate", "invocation", later, "output")
    again = scene.call("TaskSubmitter", "submit", {"id": "t1", "what": "poems", "delay_s": 2.0})
    assert again == later
    scene.call("AsyncTaskWorker", "run_task", {"id": "t2", "what": "novel"})
    scene.attach(scene.call("TaskSubmitter", "submit", {"id": "t2", "what": "novel"}))
    scene.attach(later)
    scene.get("restate", "invocation", later, "output")


def test_delayed_queue(assert_equal: Callable[..., None]) -> None:
    assert_equal("delayed_queue.py", script)
