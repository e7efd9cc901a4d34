"""Mistakes that `mypy --strict` must find; each line says the error's code."""

# ruff: noqa: F841

from __future__ import annotations

from datetime import timedelta

import odradek

svc = odradek.Service("Svc")
obj = odradek.VirtualObject("Obj", kind="shared")  # E: call-arg


@svc.handler()
async def shout(ctx: odradek.Context, name: str) -> str:
    return name.upper()


async def add(a: int, b: int) -> int:
    return a + b


@svc.handler()
async def handler(ctx: odradek.Context) -> None:
    text: int = await ctx.service_call(shout, "x")  # E: arg-type
    number: str = await ctx.run_typed("add", add, odradek.RunOptions(), 1, 2)  # E: call-overload
    await ctx.run_typed("add", add, odradek.RunOptions(), 1, "2")  # E: call-overload
    ctx.set("a", 1)  # E: attr-defined
    ctx.sleep(5)  # E: arg-type
    timer: int = await ctx.sleep(timedelta(seconds=1))  # E: func-returns-value # E: assignment
    ctx.generic_call("A", "b", "text")  # E: arg-type


@obj.handler(kind="other")  # E: arg-type
async def read(ctx: odradek.ObjectSharedContext) -> None:
    ctx.set("a", 1)  # E: attr-defined
    value: int = await ctx.get("a", type_hint=int)  # E: assignment
