"""Handlers that crash or block their process once, as a file says that is not there yet."""

import os
import re
from datetime import timedelta
from pathlib import Path

import odradek

MARKS = Path(os.environ["MARKS"])
LEGS = 6
rough = odradek.Service("Rough")
counter = odradek.VirtualObject("Counter")


def first_time(name: str) -> bool:
    """Whether a thing happens for the first time; each time is a line in its file."""
    with (MARKS / name).open("a") as marks:
        marks.write(f"{os.getpid()}\n")
    return len((MARKS / name).read_text().splitlines()) == 1


@rough.handler()
async def process(ctx: odradek.Context) -> int:
    return os.getpid()


@rough.handler()
async def crash(ctx: odradek.Context, name: str) -> str:
    step = await ctx.run_typed("step", first_time, odradek.RunOptions(), f"{name}.step")
    if first_time(name):
        os._exit(3)
    return f"{step} {len((MARKS / f'{name}.step').read_text().splitlines())}"


@rough.handler()
async def spin(ctx: odradek.Context, name: str) -> str:
    while first_time(name):
        while True:
            pass
    return "done"


@rough.handler()
async def match(ctx: odradek.Context, name: str) -> str:
    """Holds the interpreter itself: no other thread of the process runs."""
    if first_time(name):
        re.match("(a+)+$", "a" * 100 + "b")
    return "done"


@rough.handler()
async def wait(ctx: odradek.Context, name: str) -> str:
    first_time(name)
    await ctx.sleep(timedelta(seconds=1))
    return "rested"


@counter.handler()
async def add(ctx: odradek.ObjectContext, amount: int) -> int:
    total = (await ctx.get("total", type_hint=int) or 0) + amount
    ctx.set("total", total)
    return total


@rough.handler()
async def journey(ctx: odradek.Context, name: str) -> str:
    for leg in range(LEGS):
        await ctx.run_typed("leg", record, odradek.RunOptions(), name, leg)
        await ctx.sleep(timedelta(milliseconds=20))
    return name


def record(name: str, leg: int) -> None:
    """Told to somebody outside, who remembers."""
    with (MARKS / "journeys").open("a") as journeys:
        journeys.write(f"{name} {leg}\n")


app = odradek.app([rough, counter])
