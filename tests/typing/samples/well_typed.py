"""User code of every kind that must pass `mypy --strict`; `assert_type` says what is inferred."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any, assert_type
from uuid import UUID

import msgspec

import odradek
from odradek import Context, ObjectContext, ObjectSharedContext, RunOptions, Service, TerminalError, VirtualObject
from odradek.extensions import contextvar, current_context
from odradek.serde import BytesSerde, JsonSerde, MessagePackSerde, Serde


class Order(msgspec.Struct):
    id: int


@dataclass
class Receipt:
    cents: int


class UpperSerde(Serde[str]):
    def deserialize(self, buf: bytes) -> str | None:
        return buf.decode().lower()

    def serialize(self, obj: str | None) -> bytes:
        return (obj or "").upper().encode()


payment = Service(
    "Payment",
    inactivity_timeout=timedelta(minutes=1),
    invocation_retry_policy=odradek.InvocationRetryPolicy(max_attempts=3, on_max_attempts="pause"),
)
account = VirtualObject("Account", state_preload=True)


@contextvar
@asynccontextmanager
async def connection(dsn: str = "") -> AsyncIterator[int]:
    yield len(dsn)


managed = Service("Managed", invocation_context_managers=[connection])


async def charge(order: Order, *, cents: int) -> Receipt:
    return Receipt(cents)


def fetch(url: str, retries: int = 0) -> bytes:
    return url.encode() * retries


@payment.handler()
async def pay(ctx: Context, order: Order) -> Receipt:
    receipt = await ctx.run_typed("charge", charge, RunOptions(max_attempts=3), order, cents=5)
    assert_type(receipt, Receipt)
    page = await ctx.run_typed("fetch", fetch, RunOptions(serde=BytesSerde()), "http://x", retries=2)
    assert_type(page, bytes)
    assert_type(await ctx.run_typed("lambda", lambda: 5), int)
    assert_type(await ctx.run("old", fetch, args=("x",), max_attempts=1), bytes)
    assert_type(await ctx.time(), float)
    assert_type(ctx.random(), Random)
    assert_type(ctx.uuid(), UUID)
    assert_type(connection.value, int)
    assert_type(current_context(), Context | None)
    return receipt


@payment.handler("log", accept="*/*", input_serde=BytesSerde(), output_serde=MessagePackSerde())
async def log(ctx: Context, line: bytes) -> None:
    odradek.getLogger(__name__).info("%s", ctx.request().headers)


@account.handler()
async def deposit(ctx: ObjectContext, cents: int) -> int:
    balance = await ctx.get("balance", type_hint=int)
    assert_type(balance, int | None)
    name = await ctx.get("name", serde=UpperSerde())
    assert_type(name, str | None)
    anything = await ctx.get("anything", entry_name="untyped")
    assert_type(anything, Any)
    ctx.set("balance", (balance or 0) + cents)
    ctx.set("name", "x", UpperSerde())
    assert_type(await ctx.state_keys(), list[str])
    ctx.clear("name")
    ctx.clear_all()
    assert_type(ctx.key(), str)
    return cents


@account.handler(kind="shared")
async def balance(ctx: ObjectSharedContext) -> int:
    return await ctx.get("balance", JsonSerde[int]()) or 0


@payment.handler()
async def orchestrate(ctx: Context) -> list[Any]:
    call = ctx.service_call(pay, Order(1), idempotency_key="k", headers={"a": "b"})
    assert_type(await call, Receipt)
    assert_type(await call.invocation_id(), str)
    await call.cancel_invocation()
    assert_type(await ctx.object_call(deposit, "key", 5), int)
    handle = ctx.object_send(deposit, key="key", arg=5, send_delay=timedelta(hours=1))
    ctx.cancel_invocation(await handle.invocation_id())
    ctx.service_send(pay, arg=Order(2))
    assert_type(await ctx.generic_call("A", "b", b""), bytes)
    ctx.generic_send("A", "b", b"", key="k")
    _, untyped = ctx.awakeable()
    assert_type(await untyped, Any)
    name, future = ctx.awakeable(type_hint=Receipt)
    ctx.resolve_awakeable(name, Receipt(1))
    ctx.reject_awakeable(name, "no", 500)
    timer = ctx.sleep(timedelta(seconds=1), name="nap")
    await odradek.gather(call, future, timer)
    try:
        match await odradek.select(done=future, timeout=timer):
            case ["done", value]:
                return [value]
            case _:
                raise TerminalError("timed out", status_code=408, metadata={"a": "b"})
    except TerminalError as error:
        return [error.message, error.status_code]


@payment.handler()
async def in_order(ctx: Context) -> None:
    futures = [ctx.sleep(timedelta(seconds=n)) for n in range(3)]
    async for future in odradek.as_completed(*futures):
        await future
    completed, waiting = await odradek.wait_completed(*futures)
    assert_type(completed, list[odradek.RestateDurableFuture[Any]])
    assert_type(waiting, list[odradek.RestateDurableFuture[Any]])


app = odradek.app([payment, account, managed])
assert_type(app, odradek.Application)
