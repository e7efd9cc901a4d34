"""Handlers that fail in every way, and one that undoes what it did when it is cancelled."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import odradek
from odradek import Context, InvocationRetryPolicy, ObjectContext, TerminalError
from odradek.exceptions import RetryableError

errors = odradek.Service(
    "Errors",
    invocation_retry_policy=InvocationRetryPolicy(initial_interval=timedelta(milliseconds=20), max_attempts=3),
)
trips = odradek.VirtualObject("Trips")


def note(text: str) -> int:
    """Notes an attempt; how many of them there have been."""
    path = Path(os.environ["RECORDER_FILE"])
    with path.open("a") as file:
        file.write(text + "\n")
    return path.read_text().splitlines().count(text)


@errors.handler()
async def refuse(ctx: Context, reason: str) -> None:
    """A terminal error with metadata."""
    raise TerminalError(reason, 418, {"shelf": "3"})


@errors.handler()
async def pass_on(ctx: Context, reason: str) -> None:
    """Somebody else's terminal error."""
    await ctx.service_call(refuse, reason)


@errors.handler()
async def refuse_in_step(ctx: Context, reason: str) -> str:
    """A terminal error of a step, caught."""

    def step() -> None:
        raise TerminalError(reason, 418, {"shelf": "4"})

    try:
        await ctx.run_typed("step", step)
    except TerminalError as error:
        return f"{error.status_code} {error.message} {error.metadata}"
    return "nothing"


@errors.handler(invocation_retry_policy=InvocationRetryPolicy(on_max_attempts="kill"))
async def give_up(ctx: Context, name: str) -> None:
    """Fails until it is killed: the number of attempts is the service's, what follows them the handler's own."""
    raise ValueError(f"attempt {note(name)}")


@errors.handler(invocation_retry_policy=InvocationRetryPolicy(on_max_attempts="pause", max_attempts=2))
async def stop_at_two(ctx: Context, name: str) -> int:
    """Fails twice and is paused."""
    attempt = note(name)
    if attempt <= 2:
        raise ValueError(f"attempt {attempt}")
    return attempt


@errors.handler(invocation_retry_policy=InvocationRetryPolicy(on_max_attempts="kill", max_attempts=2))
async def ask_for_time(ctx: Context, name: str) -> int:
    """Fails with delays of its own, which the policy does not count."""
    attempt = note(name)
    if attempt <= 4:
        raise RetryableError("busy", 503, retry_after=timedelta(milliseconds=50))
    return attempt


@trips.handler()
async def stay(ctx: ObjectContext) -> str:
    """Waits until it is cancelled."""
    try:
        await ctx.sleep(timedelta(days=1))
    except TerminalError as error:
        ctx.set("seen", f"{error.status_code} {error.message}")
        raise
    return "slept"


@trips.handler()
async def travel(ctx: ObjectContext, hotel: str) -> str:
    """Books, stays, and when it is cancelled undoes the booking with durable steps."""
    await ctx.run_typed("book", lambda: note(f"book {hotel}"))
    ctx.set("stage", "staying")
    try:
        return await ctx.object_call(stay, key=hotel, arg=None)
    except TerminalError as error:
        await ctx.run_typed("undo", lambda: note(f"undo {hotel}"))
        await ctx.sleep(timedelta(milliseconds=10))
        ctx.set("stage", "undone")
        return f"undone after {error.status_code} {error.message}"


app = odradek.app([errors, trips])
