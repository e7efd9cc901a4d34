"""Handlers for tests of what callers over HTTP see."""

from __future__ import annotations

from datetime import timedelta

import odradek
from odradek import Context, ObjectContext, TerminalError
from odradek.serde import BytesSerde

BYTES = "application/octet-stream"

echo = odradek.Service("Echo")
box = odradek.VirtualObject("Box")


@echo.handler()
async def say(ctx: Context, text: str) -> str:
    """What it got."""
    return text


@echo.handler()
async def nothing(ctx: Context) -> None:
    """Takes and gives nothing."""


@echo.handler(accept=BYTES, content_type=BYTES, input_serde=BytesSerde(), output_serde=BytesSerde())
async def raw(ctx: Context, content: bytes) -> bytes:
    """Bytes as they are."""
    return content


@echo.handler()
async def headers(ctx: Context) -> dict[str, str]:
    """What came with the request."""
    return dict(ctx.request().headers)


@echo.handler()
async def refuse(ctx: Context, code: int) -> None:
    """A terminal error."""
    raise TerminalError("no tea", code, {"shelf": "3"})


@echo.handler()
async def nap(ctx: Context, milliseconds: int) -> str:
    """Sleeps."""
    await ctx.sleep(timedelta(milliseconds=milliseconds))
    return "rested"


@box.handler()
async def add(ctx: ObjectContext, amount: int) -> int:
    """Adds to a count."""
    count = (await ctx.get("count", type_hint=int) or 0) + amount
    ctx.set("count", count)
    return count


@box.handler()
async def ask(ctx: ObjectContext) -> object:
    """Waits for an answer from outside."""
    question, answer = ctx.awakeable()
    ctx.set("question", question)
    return await answer


app = odradek.app([echo, box])
