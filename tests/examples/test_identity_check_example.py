"""examples/identity_check.py on a node that is killed: each reminder once, and no webhook is lost or counted twice."""

import pytest

from example_node import running_example
from live_node import wait_until

pytestmark = pytest.mark.live

ADA = {"name": "Ada", "passport": "AT 4711"}


def test_a_webhook_is_heard_after_a_kill_and_a_second_one_changes_nothing(tmp_path) -> None:
    with running_example("identity_check.py", tmp_path) as (node, world):
        check = node.send("IdentityCheck", "c", "run", ADA)
        wait_until(lambda: world.done("office"), "the office has the order")
        [order] = world.done("office")
        node.restart()
        node.resolve_awakeable(order["callback"], True)
        node.resolve_awakeable(order["callback"], False)
        node.restart()
        assert node.attach(check) == "accepted"
        node.resolve_awakeable(order["callback"], False)
        assert node.call("IdentityCheck", "c", "standing", None) == "accepted"
        assert world.story() == ["office: order c"]


def test_a_silent_office_is_reminded_and_then_an_officer_decides_across_kills(tmp_path) -> None:
    with running_example("identity_check.py", tmp_path, ANSWER_WITHIN_SECONDS="0.5") as (node, world):
        check = node.send("IdentityCheck", "c", "run", ADA)
        for action in ("order", "remind"):
            wait_until(lambda action=action: world.done("office", action), f"the office has the {action}")
            node.restart()
        wait_until(lambda: node.call("IdentityCheck", "c", "standing", None) == "escalated", "it is escalated")
        node.restart()
        wait_until(lambda: world.done("officers"), "an officer has the ticket")
        node.resolve_awakeable(world.done("officers")[0]["callback"], False)
        assert node.attach(check) == "refused"
        assert world.story() == [
            "office: order c",
            "office: remind c/1",
            "office: remind c/2",
            "officers: open ticket c",
        ]
