"""examples/support_agent.py on a node that is killed while the agent waits for a human, and for the shop."""

import pytest

from example_node import running_example
from live_node import wait_until

pytestmark = pytest.mark.live


def test_a_refund_is_paid_once_although_the_node_is_killed_before_and_after_the_yes(tmp_path) -> None:
    with running_example("support_agent.py", tmp_path) as (node, world):
        asking = node.send("SupportAgent", "ada", "ask", "order-9900 has not come")
        wait_until(lambda: world.done("chat"), "the clerk is asked")
        node.restart()
        said = node.call("SupportAgent", "ada", "conversation", None)
        assert [each["role"] for each in said] == ["customer", "tool"]

        world.take_down("shop")
        [question] = world.done("chat")
        assert question["question"] == "refund 9900 cents?"
        node.resolve_awakeable(question["callback"], "yes")
        node.kill()
        world.take_down()
        node.start()
        assert node.attach(asking) == "I have looked into it: order-9900 is refunded."
        assert world.story() == ["shop: look up ada/1", "chat: ask ada/2/clerk", "shop: refund ada/2"]


def test_the_boss_is_asked_when_the_clerk_is_silent_through_a_kill(tmp_path) -> None:
    with running_example("support_agent.py", tmp_path, DECIDE_WITHIN_SECONDS="0.5") as (node, world):
        asking = node.send("SupportAgent", "bob", "ask", "order-9900 has not come")
        wait_until(lambda: world.done("chat"), "the clerk is asked")
        node.restart()
        assert node.attach(asking) == "I have looked into it: a refund was declined."
        assert world.story() == ["shop: look up bob/1", "chat: ask bob/2/clerk", "chat: ask bob/2/boss"]
