"""examples/support_agent.py under both: what it may do by itself, and what the clerk, the boss and nobody decide."""

from collections.abc import Callable

import pytest
from scene import Scene

pytestmark = [pytest.mark.oracle, pytest.mark.live]


def script(scene: Scene) -> None:
    scene.call("SupportAgent", "ada", "conversation", None)
    scene.call("SupportAgent", "ada", "ask", "Hello?")
    scene.call("SupportAgent", "ada", "ask", "order-700 has not come")
    for decision in ("no", "yes"):
        asking = scene.send("SupportAgent", "ada", "ask", "order-9900 has not come")
        asked = scene.until_done("chat", "ask", times=1 if decision == "no" else 2)
        scene.resolve_awakeable(asked[-1]["callback"], decision)
        scene.attach(asking)

    cancelled = scene.send("SupportAgent", "bob", "ask", "order-8000 has not come")
    scene.until_done("chat", "ask", times=3)
    scene.cancel(cancelled)
    scene.attach(cancelled)
    scene.call("SupportAgent", "bob", "ask", "and order-10?")
    for customer in ("ada", "bob"):
        scene.call("SupportAgent", customer, "conversation", None)


def nobody_decides(scene: Scene) -> None:
    scene.call("SupportAgent", "ada", "ask", "order-9900 has not come")
    scene.call("SupportAgent", "ada", "conversation", None)


def test_support_agent(assert_equal: Callable[..., None]) -> None:
    assert_equal("support_agent.py", script)


def test_nobody_decides(assert_equal: Callable[..., None]) -> None:
    assert_equal("support_agent.py", nobody_decides, DECIDE_WITHIN_SECONDS="0.3")
