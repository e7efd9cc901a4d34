"""Handlers for tests of what operators see and do."""

from __future__ import annotations

import os
import secrets
from datetime import timedelta
from pathlib import Path

import odradek
from odradek import Context, InvocationRetryPolicy, ObjectContext, ObjectSharedContext

SLOWLY = InvocationRetryPolicy(initial_interval=timedelta(hours=1), max_interval=timedelta(hours=1))
QUICKLY = InvocationRetryPolicy(initial_interval=timedelta(milliseconds=10), exponentiation_factor=1, max_attempts=5)

counter = odradek.VirtualObject("Counter", invocation_retry_policy=SLOWLY)
failing = odradek.Service("Failing", invocation_retry_policy=SLOWLY)
hidden = odradek.Service("Hidden", ingress_private=True)
half = odradek.Service("Half")
kept = odradek.Service("Kept", idempotency_retention=timedelta(hours=3))


def count_attempt() -> int:
    """How many attempts there were before this one."""
    attempts = Path(os.environ["ATTEMPTS_FILE"])
    number = len(attempts.read_text()) if attempts.exists() else 0
    attempts.write_text("x" * (number + 1))
    return number


@counter.handler()
async def add(ctx: ObjectContext, amount: int) -> int:
    """Adds to a count."""
    count = (await ctx.get("count", type_hint=int) or 0) + amount
    ctx.set("count", count)
    return count


@counter.handler()
async def hold(ctx: ObjectContext) -> None:
    """Holds the object until it is released."""
    ctx.set("held", True)
    await ctx.signal("release")
    ctx.set("released", True)


@counter.handler(kind="shared")
async def write(ctx: ObjectContext) -> None:
    """A misuse."""
    ctx.set("count", 1)


@counter.handler(kind="shared")
async def read(ctx: ObjectSharedContext) -> int | None:
    """The count."""
    return await ctx.get("count", type_hint=int)


@failing.handler()
async def release(ctx: Context, holder: str) -> None:
    """Releases an object."""
    ctx.resolve_signal(holder, "release", None)


@failing.handler()
async def in_a_step(ctx: Context) -> None:
    """Fails within its second step."""

    def fail() -> None:
        raise ValueError("broken step")

    await ctx.run_typed("good step", lambda: None)
    await ctx.run_typed("bad step", fail)


@failing.handler()
async def behind_a_step(ctx: Context) -> None:
    """Fails after a step."""
    await ctx.run_typed("good step", lambda: None)
    raise ValueError("broken")


@failing.handler()
async def call_nobody(ctx: Context) -> None:
    """Calls what is not there."""
    await ctx.generic_call("Nobody", "handler", b"")


@failing.handler(invocation_retry_policy=QUICKLY)
async def say_other_things(ctx: Context) -> None:
    """Five attempts: two fail alike, then each in its own way."""
    raise ValueError(f"message {max(count_attempt(), 1)}")


@hidden.handler()
async def secret(ctx: Context) -> str:
    """Not for outsiders."""
    return "secret"


@half.handler(ingress_private=True)
async def inner(ctx: Context) -> str:
    """Not for outsiders."""
    return "inner"


@half.handler()
async def outer(ctx: Context) -> list[str]:
    """For everybody."""
    return [await ctx.service_call(secret, arg=None), await ctx.service_call(inner, arg=None)]


@kept.handler(journal_retention=timedelta(hours=2))
async def journal_first(ctx: Context) -> None:
    """Its journal goes first."""


@kept.handler()
async def together(ctx: Context) -> None:
    """Its journal would be kept for longer."""


@kept.handler()
async def call_both(ctx: Context) -> list[str]:
    """Calls without keys."""
    calls = [ctx.service_call(handler, arg=None) for handler in (journal_first, together)]
    await odradek.gather(*calls)
    return [await call.invocation_id() for call in calls]


@failing.handler()
async def gamble(ctx: Context) -> list[object]:
    """What chance gave it, and two steps that never give the same twice."""
    number = ctx.random().randrange(10**9)
    first = await ctx.run_typed("first", lambda: secrets.token_hex(8))
    second = await ctx.run_typed("second", lambda: secrets.token_hex(8))
    return [number, first, second]


app = odradek.app([counter, failing, hidden, half, kept])
