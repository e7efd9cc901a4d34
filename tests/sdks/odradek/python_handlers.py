"""The handlers of these tests in Python. The official SDK gets the same text with its own name in place of ours.

Effects go to the file that EFFECTS names.
"""

import os
from datetime import timedelta

import odradek
from odradek.serde import BytesSerde

BYTES = "application/octet-stream"
EFFECTS = os.environ["EFFECTS"]

greeter = odradek.Service("Greeter")
counter = odradek.VirtualObject("Counter")
notes = odradek.VirtualObject("Notes")
payment = odradek.Workflow("Payment")
tried: dict[str, int] = {}


def record(line: str) -> None:
    with open(EFFECTS, "a", encoding="utf-8") as effects:
        effects.write(line + "\n")


@greeter.handler()
async def greet(ctx: odradek.Context, name: str) -> str:
    return f"Hello {name}"


@greeter.handler(accept=BYTES, content_type=BYTES, input_serde=BytesSerde(), output_serde=BytesSerde())
async def echo(ctx: odradek.Context, payload: bytes) -> bytes:
    return payload


@greeter.handler()
async def steps(ctx: odradek.Context, count: int) -> list[int]:
    return [await ctx.run_typed(f"step {number}", lambda number=number: number * 2) for number in range(count)]


@greeter.handler()
async def journey(ctx: odradek.Context, name: str) -> str:
    for number in range(6):
        await ctx.run_typed(f"leg {number}", lambda number=number: record(f"{name} {number}"))
        await ctx.sleep(timedelta(milliseconds=100))
    return name


@greeter.handler()
async def nap(ctx: odradek.Context, milliseconds: int) -> str:
    await ctx.sleep(timedelta(milliseconds=milliseconds))
    return "rested"


@greeter.handler()
async def wait_for(ctx: odradek.Context, key: str) -> str:
    identifier, value = ctx.awakeable(type_hint=str)
    await ctx.object_call(put, key=key, arg=identifier)
    return await value


@greeter.handler()
async def undo(ctx: odradek.Context, key: str) -> None:
    await ctx.object_call(put, key=key, arg="done")
    try:
        await ctx.sleep(timedelta(hours=1))
    except odradek.TerminalError:
        await ctx.object_call(put, key=key, arg="undone")
        raise


@greeter.handler()
async def fail(ctx: odradek.Context, message: str) -> None:
    raise odradek.TerminalError(message, status_code=418)


@greeter.handler()
async def flaky(ctx: odradek.Context, key: str) -> int:
    def attempt() -> int:
        tried[key] = tried.get(key, 0) + 1
        if tried[key] < 3:
            raise ValueError("not yet")
        return tried[key]

    options = odradek.RunOptions[int](initial_retry_interval=timedelta(milliseconds=50))
    return await ctx.run_typed("flaky", attempt, options)


@greeter.handler()
async def hopeless(ctx: odradek.Context) -> str:
    def attempt() -> None:
        raise ValueError("never")

    options = odradek.RunOptions[None](max_attempts=3, initial_retry_interval=timedelta(milliseconds=20))
    try:
        await ctx.run_typed("hopeless", attempt, options)
    except odradek.TerminalError as error:
        return error.message
    return "not reached"


@greeter.handler()
async def count_up(ctx: odradek.Context, key: str) -> int:
    for number in (1, 2, 3):
        ctx.object_send(add, key=key, arg=number)
    return await ctx.object_call(add, key=key, arg=10)


@greeter.handler()
async def first_of(ctx: odradek.Context) -> str:
    slow = ctx.sleep(timedelta(hours=1))
    quick = ctx.service_call(greet, arg="race")
    match await odradek.select(quick=quick, slow=slow):
        case ["quick", text]:
            return text
        case _:
            return "slow"


@counter.handler()
async def add(ctx: odradek.ObjectContext, number: int) -> int:
    total = (await ctx.get("total", type_hint=int) or 0) + number
    ctx.set("total", total)
    return total


@counter.handler()
async def clear(ctx: odradek.ObjectContext) -> None:
    ctx.clear("total")


@notes.handler()
async def put(ctx: odradek.ObjectContext, value: str) -> None:
    ctx.set("value", value)


@notes.handler(kind="shared")
async def get(ctx: odradek.ObjectSharedContext) -> str | None:
    return await ctx.get("value", type_hint=str)


@payment.main()
async def run(ctx: odradek.WorkflowContext, amount: int) -> str:
    ctx.set("status", "waiting")
    decision = await ctx.promise("decision", type_hint=str).value()
    return f"{amount} {decision}"


@payment.handler()
async def decide(ctx: odradek.WorkflowSharedContext, decision: str) -> None:
    await ctx.promise("decision", type_hint=str).resolve(decision)


SERVICES = (greeter, counter, notes, payment)
