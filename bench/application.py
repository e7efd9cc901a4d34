"""The application that is measured. A peer runs the same text with another import line."""

import odradek as durable

work = durable.Service("Work")
counter = durable.VirtualObject("Counter")
tally = durable.VirtualObject("Tally")


@work.handler()
async def noop(_: durable.Context, text: str) -> str:
    return text


async def one() -> int:
    return 1


@work.handler()
async def steps(ctx: durable.Context, count: int) -> int:
    done = 0
    for _ in range(count):
        done += await ctx.run_typed("step", one)
    return done


async def raised(ctx: durable.ObjectContext, amount: int) -> int:
    total = (await ctx.get("total", type_hint=int) or 0) + amount
    ctx.set("total", total)
    return total


@counter.handler()
async def add(ctx: durable.ObjectContext, amount: int) -> int:
    return await raised(ctx, amount)


@work.handler()
async def call(ctx: durable.Context, key: str) -> int:
    return await ctx.object_call(add, key, 1)


@tally.handler()
async def count(ctx: durable.ObjectContext, amount: int) -> None:
    await raised(ctx, amount)


app = durable.app([work, counter, tally])
