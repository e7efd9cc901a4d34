"""An AI agent that answers customers: a model uses tools until it has an answer; a large refund needs a human's yes.

Each turn of the model and each use of a tool is a durable step: after a crash nothing is asked or paid again. The
model stands behind a small interface; the one here is a stand-in that follows a few rules.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Protocol

import msgspec

import odradek
from outside_world import do

DECIDE_WITHIN = timedelta(seconds=float(os.environ.get("DECIDE_WITHIN_SECONDS", "3600")))
REFUND_ALONE_CENTS = 5_000
TURNS_MAX = 10

Message = dict[str, str]
"""`role` (customer, tool or agent) and `text`."""


class Turn(msgspec.Struct):
    """What a model wants: to use a tool, or else to answer."""

    text: str = ""
    tool: str = ""
    arguments: dict[str, Any] = {}


class Model(Protocol):
    """A language model. Another implementation asks one over HTTP, and raises what is worth another try."""

    def next_turn(self, conversation: list[Message]) -> Turn: ...


class FewRules:
    """Stands in for a language model: looks an order up, refunds what it cost, and tells what came of it."""

    def next_turn(self, conversation: list[Message]) -> Turn:
        role, text = conversation[-1]["role"], conversation[-1]["text"]
        order, cents = re.search(r"order-\d+", text), re.search(r"(\d+) cents", text)
        if role == "customer":
            return Turn(tool="look_up", arguments={"order": order[0]}) if order else Turn(text="Which order is it?")
        if order and cents:
            return Turn(tool="refund", arguments={"order": order[0], "cents": int(cents[1])})
        return Turn(text=f"I have looked into it: {text}.")


class Shop:
    """Stands in for the shop's own systems; an order's number is its price in cents."""

    @staticmethod
    def look_up(request_id: str, order: str) -> str:
        do("shop", "look up", request_id, order=order)
        return f"{order} was paid with {int(order.removeprefix('order-'))} cents"

    @staticmethod
    def refund(request_id: str, order: str, cents: int) -> str:
        do("shop", "refund", request_id, order=order, cents=cents)
        return f"{order} is refunded"


class Chat:
    """Stands in for where the colleagues are. They complete the callback with yes or no."""

    @staticmethod
    def ask(request_id: str, colleague: str, question: str, callback: str) -> None:
        do("chat", "ask", f"{request_id}/{colleague}", question=question, callback=callback)


MODEL: Model = FewRules()
TOOLS: dict[str, Callable[..., str]] = {"look_up": Shop.look_up, "refund": Shop.refund}


async def allowed(ctx: odradek.ObjectContext, request_id: str, question: str) -> bool:
    """Asks a clerk and, if none has answered in time, the boss as well. Without an answer from anybody it is a no."""
    callback, answer = ctx.awakeable(type_hint=str)
    for colleague in ("clerk", "boss"):
        await ctx.run_typed(
            f"ask {colleague}",
            Chat.ask,
            request_id=request_id,
            colleague=colleague,
            question=question,
            callback=callback,
        )
        match await odradek.select(answer=answer, late=ctx.sleep(DECIDE_WITHIN)):
            case ["answer", decision]:
                return bool(decision == "yes")
    return False


async def use_tool(ctx: odradek.ObjectContext, turn: Turn, request_id: str) -> str:
    """What the tool says."""
    if turn.tool not in TOOLS:
        return f"there is no tool {turn.tool}"
    cents = turn.arguments.get("cents", 0)
    if cents > REFUND_ALONE_CENTS and not await allowed(ctx, request_id, f"{turn.tool} {cents} cents?"):
        return "a refund was declined"
    return await ctx.run_typed(turn.tool, TOOLS[turn.tool], request_id=request_id, **turn.arguments)


support_agent = odradek.VirtualObject("SupportAgent")
"""One object for each customer, which remembers the conversation."""


@support_agent.handler()
async def ask(ctx: odradek.ObjectContext, question: str) -> str:
    """Gives the agent's answer. Fails if the model comes to none."""
    conversation = await ctx.get("conversation", type_hint=list) or []

    def note(role: str, text: str) -> None:
        conversation.append({"role": role, "text": text})
        ctx.set("conversation", conversation)

    note("customer", question)
    for _ in range(TURNS_MAX):
        turn = await ctx.run_typed("model", MODEL.next_turn, conversation=conversation)
        if not turn.tool:
            note("agent", turn.text)
            return turn.text
        note("tool", await use_tool(ctx, turn, request_id=f"{ctx.key()}/{len(conversation)}"))
    raise odradek.TerminalError(f"the agent has no answer after {TURNS_MAX} turns", status_code=508)


@support_agent.handler(kind="shared")
async def conversation(ctx: odradek.ObjectSharedContext) -> list[Message]:
    """What was said, at any time."""
    return await ctx.get("conversation", type_hint=list) or []


app = odradek.app([support_agent])
