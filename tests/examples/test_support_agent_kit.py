"""examples/support_agent.py in the kit: the agent's turns and tools, and the humans who may say no."""

from collections.abc import Callable
from datetime import timedelta

import pytest

import odradek
import support_agent
from example_node import OutsideWorld
from odradek import testing
from support_agent import DECIDE_WITHIN, Message, Turn, ask, conversation

SMALL, LARGE = "order-700 has not come", "order-9900 has not come"
DONE, DECLINED = "I have looked into it: order-9900 is refunded.", "I have looked into it: a refund was declined."


def the_callback(world: OutsideWorld) -> str:
    return str(world.done("chat")[-1]["callback"])


def test_a_small_refund_needs_nobody(world: OutsideWorld) -> None:
    with testing.engine(support_agent.app) as engine:
        for step in ("model", "look_up", "refund"):
            engine.fail_first(step, attempts=2)
        assert engine.call(ask, "Hello?", key="ada") == "Which order is it?"
        assert engine.call(ask, SMALL, key="ada") == "I have looked into it: order-700 is refunded."
        said = engine.call(conversation, key="ada")
    assert [each["role"] for each in said] == ["customer", "agent", "customer", "tool", "tool", "agent"]
    assert world.story() == ["shop: look up ada/3", "shop: refund ada/4"]


@pytest.mark.parametrize("hours", [0, 1])
@pytest.mark.parametrize(("decision", "answer"), [("yes", DONE), ("no", DECLINED)])
def test_a_large_refund_is_what_the_clerk_or_the_boss_decides(
    world: OutsideWorld, hours: int, decision: str, answer: str
) -> None:
    with testing.engine(support_agent.app) as engine:
        asking = engine.send(ask, LARGE, key="ada")
        engine.advance(timedelta(hours=hours, minutes=1))
        assert [each["role"] for each in engine.call(conversation, key="ada")] == ["customer", "tool"]
        for decided in (decision, "too late"):
            engine.resolve_awakeable(the_callback(world), decided)
        assert asking.result() == answer
    assert world.story() == [
        "shop: look up ada/1",
        *(f"chat: ask ada/2/{colleague}" for colleague in ("clerk", "boss")[: hours + 1]),
        *(["shop: refund ada/2"] if decision == "yes" else []),
    ]


def test_nobody_decides(world: OutsideWorld) -> None:
    with testing.engine(support_agent.app) as engine:
        begun = engine.now
        assert engine.call(ask, LARGE, key="ada") == DECLINED
        assert engine.now - begun >= 2 * DECIDE_WITHIN
    assert world.done("shop", "refund") == []


def test_a_question_that_is_cancelled_leaves_the_agent_ready_for_the_next(world: OutsideWorld) -> None:
    with testing.engine(support_agent.app) as engine:
        asking = engine.send(ask, LARGE, key="ada")
        asking.cancel()
        with pytest.raises(odradek.TerminalError, match="cancelled"):
            asking.result()
        assert engine.call(ask, SMALL, key="ada") == "I have looked into it: order-700 is refunded."
    assert world.story()[2:] == ["shop: look up ada/3", "shop: refund ada/4"]


class Daydreamer:
    """A model that wants a tool which is not there, again and again."""

    def next_turn(self, conversation: list[Message]) -> Turn:
        return Turn(tool="daydream")


def test_a_model_that_comes_to_no_answer_is_stopped(world: OutsideWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(support_agent, "MODEL", Daydreamer())
    with testing.engine(support_agent.app) as engine:
        with pytest.raises(odradek.TerminalError, match="no answer after 10 turns"):
            engine.call(ask, LARGE, key="ada")
        assert engine.call(conversation, key="ada")[-1] == {"role": "tool", "text": "there is no tool daydream"}
    assert world.story() == []


def test_a_crash_anywhere_changes_nothing(new_world: Callable[[], OutsideWorld]) -> None:
    def scenario(engine: testing.Engine) -> tuple[str, list[str]]:
        world = new_world()
        asking = engine.send(ask, LARGE, key="ada")
        engine.advance(1.5 * DECIDE_WITHIN)
        engine.resolve_awakeable(the_callback(world), "yes")
        return asking.result(), world.story()

    answer, story = testing.replay_everywhere(support_agent.app, scenario).outcome
    assert answer == DONE
    assert len(story) == 4
