"""Keeps to the limits of somebody else's service: whoever asks it takes a token from a bucket that fills up slowly.

Each bucket is an object, so that no token is taken twice. Who finds none is told how long it takes until its own drops
in, and sleeps for so long, which costs nothing but a row in the log.
"""

from __future__ import annotations

from datetime import timedelta

import msgspec

import odradek
from outside_world import do


class Limit(msgspec.Struct):
    per_second: float
    """Tokens that drop into the bucket."""
    burst: int
    """Tokens that it holds."""


USUAL_LIMIT = Limit(per_second=1.0, burst=2)


class Bucket(msgspec.Struct):
    limit: Limit
    tokens: float
    """Less than none when some that are still to come are promised."""
    counted_at: float
    """Seconds since the epoch."""


class WeatherService:
    """Stands in for the people who know tomorrow's weather."""

    @staticmethod
    def ask(request_id: str, city: str) -> str:
        do("weather", "ask", request_id, city=city)
        return f"{city}: sunny spells"


limiter = odradek.VirtualObject("Limiter")
"""One object for each bucket."""


async def count(ctx: odradek.ObjectContext) -> Bucket:
    """The bucket with all that has dropped into it until now. A new one is full."""
    now = await ctx.time()
    bucket = await ctx.get("bucket", type_hint=Bucket) or Bucket(USUAL_LIMIT, USUAL_LIMIT.burst, now)
    tokens = bucket.tokens + (now - bucket.counted_at) * bucket.limit.per_second
    return Bucket(bucket.limit, min(tokens, bucket.limit.burst), now)


@limiter.handler()
async def set_limit(ctx: odradek.ObjectContext, limit: Limit) -> None:
    """Fills the bucket, and says how fast it fills from now on."""
    if limit.per_second <= 0 or limit.burst < 1:
        raise odradek.TerminalError("a bucket holds tokens, and gets some", status_code=400)
    ctx.set("bucket", Bucket(limit, limit.burst, await ctx.time()))


@limiter.handler()
async def allow(ctx: odradek.ObjectContext) -> bool:
    """Takes a token if there is one."""
    bucket = await count(ctx)
    allowed = bucket.tokens >= 1
    if allowed:
        bucket.tokens -= 1
        ctx.set("bucket", bucket)
    return allowed


@limiter.handler()
async def reserve(ctx: odradek.ObjectContext) -> float:
    """Takes the next token; gives the seconds until it is there."""
    bucket = await count(ctx)
    bucket.tokens -= 1
    ctx.set("bucket", bucket)
    return max(0.0, -bucket.tokens / bucket.limit.per_second)


forecasts = odradek.Service("Forecasts")


@forecasts.handler()
async def forecast(ctx: odradek.Context, city: str) -> str:
    """Asks when it may."""
    wait_s = await ctx.object_call(reserve, "weather", None)
    await ctx.sleep(timedelta(seconds=wait_s))
    return await ctx.run_typed("ask", WeatherService.ask, request_id=str(ctx.uuid()), city=city)


app = odradek.app([limiter, forecasts])
