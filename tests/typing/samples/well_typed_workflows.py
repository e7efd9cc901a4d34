"""Workflows, signals, attaching, a codec and a client that must pass `mypy --strict`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, assert_type

import odradek
from odradek import DurablePromise, RestateDurableFuture, WorkflowContext, WorkflowSharedContext
from odradek.serde import JsonSerde


@dataclass
class Order:
    id: int


checkout = odradek.Workflow("Checkout", journal_retention=timedelta(hours=1))


@checkout.main(workflow_retention=timedelta(days=3))
async def run(ctx: WorkflowContext, order: Order) -> str:
    promise = ctx.promise("paid", type_hint=Order)
    assert_type(promise, DurablePromise[Order])
    ctx.set("order", order)
    assert_type(await promise, Order)
    assert_type(await promise.value(), Order)
    assert_type(await promise.peek(), Order | None)
    anything = await ctx.promise("anything")
    assert_type(anything, Any)
    match await odradek.select(paid=promise.value(), timeout=ctx.sleep(timedelta(hours=1))):
        case ["paid", Order(number)]:
            return f"paid {number}"
        case _:
            return ctx.key()


@checkout.handler()
async def paid(ctx: WorkflowSharedContext, order: Order) -> None:
    await ctx.promise("paid", JsonSerde[Order]()).resolve(order)
    await ctx.promise("paid").reject("no", 418)
    assert_type(await ctx.get("order", type_hint=Order), Order | None)


svc = odradek.Service("Svc")


@svc.handler()
async def everything_else(ctx: odradek.Context, invocation: str) -> str:
    call = ctx.workflow_call(run, "k", Order(1), idempotency_key="i", headers={"a": "b"})
    assert_type(await call, str)
    handle = ctx.workflow_send(run, "k", Order(1), send_delay=timedelta(seconds=1))
    assert_type(await handle.invocation_id(), str)
    assert_type(ctx.signal("go", type_hint=Order), RestateDurableFuture[Order])
    assert_type(await ctx.signal("go"), Any)
    ctx.resolve_signal(invocation, "go", Order(1))
    ctx.reject_signal(invocation, "go", "no", 418)
    assert_type(await ctx.attach_invocation(invocation, type_hint=str), str)
    return await ctx.attach_invocation(invocation, JsonSerde[str]())


class Plain(odradek.JournalValueCodec):
    def encode(self, buf: bytes) -> bytes:
        return buf

    async def decode(self, buf: bytes) -> bytes:
        return buf


async def provide() -> odradek.JournalValueCodec:
    return Plain()


app = odradek.app([checkout, svc], "bidi", journal_value_codec=provide)


async def outside() -> None:
    async with odradek.create_client("http://localhost:8080", journal_value_codec=Plain()) as client:
        assert_type(await client.workflow_call(run, "k", Order(1)), str)
        handle = await client.service_send(everything_else, "inv_1", send_delay=timedelta(seconds=1))
        assert_type(handle.invocation_id, str)
        assert_type(await client.generic_call("A", "b", b""), bytes)
