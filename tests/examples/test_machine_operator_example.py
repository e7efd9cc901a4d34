"""examples/machine_operator.py on a node that is killed: each step once, commands in their order."""

import pytest

from example_node import running_example
from live_node import Refused, wait_until

pytestmark = pytest.mark.live


def test_commands_are_carried_out_once_and_in_order_although_the_node_is_killed(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    directory = tmp_path_factory.mktemp("machine_operator")
    with running_example("machine_operator.py", directory, STEP_SECONDS="0.3") as (node, world):
        names = ("set_up", "tear_down", "set_up", "set_up")
        commands = [node.send("MachineOperator", "mill", name, None) for name in names]
        wait_until(lambda: world.done("mill", "warm up"), "the mill warms up")
        node.restart()
        assert [node.attach(each) for each in commands[:3]] == ["up", "down", "up"]
        with pytest.raises(Refused) as refused:
            node.attach(commands[3])
        assert (refused.value.status, refused.value.body["message"]) == (409, "mill is up, not down")
        up, down = ["power on", "warm up", "calibrate"], ["cool down", "power off"]
        assert [each["action"] for each in world.done("mill")] == [*up, *down, *up]
        assert node.call("MachineOperator", "mill", "state", None) == "up"
