"""The handlers that the tests of the kit run."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import odradek

account = odradek.VirtualObject("Account")
shop = odradek.Service("Shop")

charged: list[int] = []
"""What the outside world saw of `Shop/buy`."""


@account.handler()
async def deposit(ctx: odradek.ObjectContext, cents: int) -> int:
    balance = (await ctx.get("balance", type_hint=int) or 0) + cents
    ctx.set("balance", balance)
    return balance


@account.handler()
async def deposit_in_a_month(ctx: odradek.ObjectContext, cents: int) -> int:
    await ctx.sleep(timedelta(days=30), name="a month")
    return await deposit_now(ctx, cents)


async def deposit_now(ctx: odradek.ObjectContext, cents: int) -> int:
    balance = (await ctx.get("balance", type_hint=int) or 0) + cents
    ctx.set("balance", balance)
    return balance


@account.handler()
async def ask(ctx: odradek.ObjectContext) -> str:
    question, answer = ctx.awakeable(type_hint=str)
    ctx.set("question", question)
    said = await answer
    ctx.clear("question")
    return said


@account.handler()
async def wait_for_word(ctx: odradek.ObjectContext) -> str:
    return await ctx.signal("word", type_hint=str)


@account.handler()
async def hear_two_words(ctx: odradek.ObjectContext) -> list[str]:
    return [await ctx.signal("word", type_hint=str), await ctx.signal("word", type_hint=str)]


@account.handler()
async def wait_and_undo(ctx: odradek.ObjectContext) -> str:
    try:
        await ctx.sleep(timedelta(days=365))
    except odradek.TerminalError:
        await ctx.run_typed("undo", lambda: None)
        await ctx.sleep(timedelta(seconds=1))
        ctx.set("undone", True)
        return "undone"
    return "never cancelled"


@account.handler(kind="shared")
async def read(ctx: odradek.ObjectSharedContext) -> int | None:
    return await ctx.get("balance", type_hint=int)


@shop.handler()
async def buy(ctx: odradek.Context, cents: int) -> int:
    def charge() -> int:
        charged.append(cents)
        return cents * 2

    paid = await ctx.run_typed("charge", charge)
    await ctx.sleep(timedelta(seconds=1))
    return await ctx.object_call(deposit, key="shop", arg=paid)


@shop.handler()
async def buy_twice(ctx: odradek.Context, cents: int) -> list[int]:
    bought = await odradek.gather(*(ctx.object_call(deposit, key=key, arg=cents) for key in ("one", "two", "one")))
    return [await each for each in bought]


@shop.handler()
async def slow_step(ctx: odradek.Context) -> str:
    def block() -> str:
        time.sleep(0.02)
        return "done"

    race = await odradek.select(step=ctx.run_typed("block", block), timeout=ctx.sleep(timedelta(seconds=1)))
    return str(race[0])


@shop.handler()
async def waiting_step(ctx: odradek.Context) -> str:
    async def wait() -> str:
        await asyncio.sleep(5)
        return "waited"

    return await ctx.run_typed("wait", wait)


@shop.handler()
async def refuse(ctx: odradek.Context) -> None:
    raise odradek.TerminalError("sold out", status_code=410)


@shop.handler(
    invocation_retry_policy=odradek.InvocationRetryPolicy(max_attempts=3, initial_interval=timedelta(seconds=1))
)
async def break_down(ctx: odradek.Context) -> None:
    raise ValueError("broken")


@shop.handler()
async def forever(ctx: odradek.Context) -> None:
    try:
        await ctx.sleep(timedelta(days=365))
    except odradek.TerminalError as error:
        ctx.object_send(deposit, key="undone", arg=error.status_code)
        raise


@shop.handler()
async def not_replayable(ctx: odradek.Context) -> float:
    """Breaks the rules: what it returns is not in the journal."""
    await ctx.sleep(timedelta(seconds=1))
    charged.append(1)
    return len(charged)


signing_up = odradek.Workflow("SignUp")


@signing_up.main()
async def sign_up(ctx: odradek.WorkflowContext, address: str) -> str:
    return f"{address} confirmed by {await ctx.promise('link', type_hint=str)}"


@signing_up.handler()
async def confirm(ctx: odradek.WorkflowSharedContext, how: str) -> None:
    await ctx.promise("link", type_hint=str).resolve(how)


app = odradek.app([account, shop, signing_up])
