"""A service and an object behind the doors of a node."""

from __future__ import annotations

import odradek

echo = odradek.Service("Echo")
counter = odradek.VirtualObject("Counter")


@echo.handler()
async def say(ctx: odradek.Context, text: str) -> str:
    return text


@counter.handler()
async def add(ctx: odradek.ObjectContext, amount: int) -> int:
    total = (await ctx.get("total", type_hint=int) or 0) + amount
    ctx.set("total", total)
    return total


app = odradek.app([echo, counter])
