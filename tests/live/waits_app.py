"""Handlers that wait, for kills in the middle of the wait."""

from __future__ import annotations

from datetime import timedelta

import odradek
from odradek import Context, ObjectContext, ObjectSharedContext

waits = odradek.Service("Waits")
doors = odradek.VirtualObject("Doors")


@waits.handler()
async def nap(ctx: Context, ms: int) -> str:
    """A durable timer."""
    await ctx.sleep(timedelta(milliseconds=ms))
    return "slept"


@waits.handler()
async def call_through(ctx: Context, ms: int) -> str:
    """Waits for a callee that waits."""
    return await ctx.service_call(nap, arg=ms)


@waits.handler()
async def hold(ctx: Context, key: str) -> str:
    """Waits for somebody outside."""
    name, promise = ctx.awakeable(type_hint=str)
    await ctx.object_call(put_awakeable, key=key, arg=name)
    return await promise


@doors.handler()
async def put_awakeable(ctx: ObjectContext, name: str) -> None:
    """Notes an awakeable."""
    ctx.set("awakeable", name)


@doors.handler(kind="shared")
async def noted(ctx: ObjectSharedContext) -> str | None:
    """The awakeable that was noted, if one was."""
    return await ctx.get("awakeable", type_hint=str)


app = odradek.app([waits, doors])
