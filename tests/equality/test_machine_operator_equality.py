"""examples/machine_operator.py under both."""

from collections.abc import Callable

import pytest
from scene import Scene

pytestmark = [pytest.mark.oracle, pytest.mark.live]


def script(scene: Scene) -> None:
    scene.call("MachineOperator", "mill", "state", None)
    scene.call("MachineOperator", "mill", "tear_down", None)
    names = ("set_up", "tear_down", "set_up", "set_up")
    commands = [scene.send("MachineOperator", "mill", name, None) for name in names]
    scene.until_done("mill", "warm up")
    scene.call("MachineOperator", "mill", "state", None)
    for command in commands:
        scene.attach(command)
    scene.call("MachineOperator", "mill", "state", None)


def test_machine_operator(assert_equal: Callable[..., None]) -> None:
    assert_equal("machine_operator.py", script, STEP_SECONDS="0.5")
