"""The application that runs in a simulation. Most handlers run a program, which is their argument."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import Any

import odradek
from odradek.protocol.manifest import EndpointManifest
from odradek.serde import BytesSerde
from simulation.operations import execute
from simulation.outside import outside
from simulation.plan import Program

cell = odradek.VirtualObject("Cell")
"""A register and counter; what clients see of one must be linearizable."""
actor = odradek.VirtualObject("Actor", journal_retention=timedelta(seconds=2))
shy = odradek.VirtualObject("Shy", journal_retention=timedelta(0), enable_lazy_state=True)
"""Forgotten when it ends, and reads its state name by name."""
task = odradek.Service("Task", journal_retention=timedelta(seconds=3))
flow = odradek.Workflow("Flow", journal_retention=timedelta(seconds=2))
sink = odradek.VirtualObject("Sink", journal_retention=timedelta(0))
"""Remembers what it took, in order."""


@cell.handler()
async def write(ctx: odradek.ObjectContext, value: int) -> int:
    ctx.set("value", value)
    return value


@cell.handler()
async def add(ctx: odradek.ObjectContext, amount: int) -> int:
    before = await ctx.get("value", type_hint=int) or 0
    if amount > 2:
        await ctx.run_typed("look away", lambda: None)
    ctx.set("value", before + amount)
    return before + amount


@cell.handler(kind="shared")
async def read(ctx: odradek.ObjectSharedContext) -> int:
    return await ctx.get("value", type_hint=int) or 0


@actor.handler(name="run")
async def run_actor(ctx: odradek.ObjectContext, program: Program) -> list[Any]:
    return await execute(ctx, program)


@actor.handler(name="look", kind="shared")
async def look(ctx: odradek.ObjectSharedContext, program: Program) -> list[Any]:
    return await execute(ctx, program)


@shy.handler(name="run")
async def run_shy(ctx: odradek.ObjectContext, program: Program) -> list[Any]:
    return await execute(ctx, program)


@task.handler(name="run")
async def run_task(ctx: odradek.Context, program: Program) -> list[Any]:
    return await execute(ctx, program)


@flow.main(name="run")
async def run_flow(ctx: odradek.WorkflowContext, program: Program) -> list[Any]:
    return await execute(ctx, program)


@flow.handler(name="answer")
async def answer(ctx: odradek.WorkflowSharedContext, answered: list[Any]) -> Any:
    """Completes a promise."""
    name, value, code = answered
    promise = ctx.promise(name)
    try:
        await (promise.resolve(value) if code is None else promise.reject(f"rejected {value}", code))
    except odradek.TerminalError as error:
        return ["refused", error.status_code]
    outside.meets(f"answered {ctx.key()} {name}")
    return "taken"


@sink.handler(name="take")
async def take(ctx: odradek.ObjectContext, item: Any) -> None:
    ctx.set("taken", [*(await ctx.get("taken", type_hint=list) or []), item])


@sink.handler(name="take_record", accept="*/*", input_serde=BytesSerde())
async def take_record(ctx: odradek.ObjectContext, value: bytes) -> None:
    ctx.set("taken", [*(await ctx.get("taken", type_hint=list) or []), value.decode("utf-8", "replace")])


application = odradek.app([cell, actor, shy, task, flow, sink])


@cache
def manifest() -> EndpointManifest:
    """What it says of itself: the same for every run."""
    return application.manifest()
