"""What the tests run under the real server: each kind of handler and operation once, nothing more.

ORACLE_EFFECTS: a file that every side effect appends a line to. ORACLE_VERSION: the highest protocol version to offer.
ORACLE_KEYS: identity keys, separated by commas.
"""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from typing import Any

import msgspec

import odradek
from odradek.protocol.manifest import EndpointManifest
from odradek.serde import BytesSerde

EFFECTS = os.environ["ORACLE_EFFECTS"]
VERSION = int(os.environ.get("ORACLE_VERSION", "7"))
KEYS = tuple(key for key in os.environ.get("ORACLE_KEYS", "").split(",") if key)

NOW = timedelta(0)
SOON = timedelta(milliseconds=100)
BRIEFLY = timedelta(milliseconds=50)
QUICK_RETRIES = odradek.InvocationRetryPolicy(initial_interval=BRIEFLY, max_interval=BRIEFLY)


def note(effect: str) -> str:
    with open(EFFECTS, "a", encoding="utf-8") as file:
        file.write(f"{effect}\n")
    return effect


def noted(effect: str) -> int:
    with open(EFFECTS, encoding="utf-8") as file:
        return file.read().split("\n").count(effect)


# --- plain services -------------------------------------------------------------------------------

greeter = odradek.Service("Greeter")


@greeter.handler()
async def greet(ctx: odradek.Context, name: str) -> str:
    return f"Hello {name}!"


@greeter.handler(
    accept="*/*", content_type="application/octet-stream", input_serde=BytesSerde(), output_serde=BytesSerde()
)
async def echo(ctx: odradek.Context, body: bytes) -> bytes:
    return body


@greeter.handler()
async def nothing(ctx: odradek.Context) -> None:
    return None


@greeter.handler()
async def about(ctx: odradek.Context) -> dict[str, Any]:
    request = ctx.request()
    return {
        "id": request.id,
        "custom": request.headers.get("x-custom"),
        "attempt": request.attempt_headers.get("x-restate-invocation-id"),
    }


@greeter.handler()
async def refuse(ctx: odradek.Context, code: int) -> None:
    raise odradek.TerminalError("refused", status_code=code, metadata={"reason": "because"})


# --- steps ----------------------------------------------------------------------------------------

steps = odradek.Service("Steps", invocation_retry_policy=QUICK_RETRIES)


@steps.handler()
async def three(ctx: odradek.Context, tag: str) -> list[str]:
    results = [await ctx.run_typed(f"step {number}", lambda n=number: note(f"{tag} {n}")) for number in (1, 2)]

    async def third() -> str:
        return note(f"{tag} 3")

    return [*results, await ctx.run_typed("step 3", third)]


@steps.handler()
async def together(ctx: odradek.Context, tag: str) -> list[str]:
    blocks = [ctx.run_typed(f"block {number}", lambda n=number: note(f"{tag} {n}")) for number in range(5)]
    return [await block for block in await odradek.gather(*blocks)]


@steps.handler()
async def flaky_step(ctx: odradek.Context, tag: str) -> str:
    before = await ctx.run_typed("before", lambda: note(f"{tag} before"))

    def fails_twice() -> str:
        note(f"{tag} try")
        if noted(f"{tag} try") < 3:
            raise ConnectionError("not yet")
        return "third time"

    options = odradek.RunOptions[str](initial_retry_interval=BRIEFLY, max_attempts=5)
    return f"{before}: {await ctx.run_typed('flaky', fails_twice, options)}"


@steps.handler()
async def hopeless_step(ctx: odradek.Context, tag: str) -> str:
    def fails() -> str:
        note(f"{tag} try")
        raise ConnectionError("never")

    try:
        options = odradek.RunOptions[str](initial_retry_interval=BRIEFLY, max_attempts=3)
        return await ctx.run_typed("hopeless", fails, options)
    except odradek.TerminalError as error:
        return f"gave up: {error.message}"


@steps.handler()
async def flaky(ctx: odradek.Context, tag: str) -> str:
    kept = await ctx.run_typed("kept", lambda: note(f"{tag} kept"))
    note(f"{tag} attempt")
    if noted(f"{tag} attempt") < 3:
        raise RuntimeError("a passing trouble")
    return kept


@steps.handler()
async def deterministic(ctx: odradek.Context, tag: str) -> list[Any]:
    drawn = [ctx.random().random(), str(ctx.uuid()), await ctx.time()]
    note(f"{tag} {drawn}")
    note(f"{tag} attempt")
    if noted(f"{tag} attempt") < 3:
        raise odradek.RetryableError("once more", retry_after=BRIEFLY)
    return [*drawn, noted(f"{tag} {drawn}")]


@steps.handler()
async def slow(ctx: odradek.Context, tag: str) -> list[str]:
    results = []
    for number in range(20):
        results.append(await ctx.run_typed(f"step {number}", lambda n=number: note(f"{tag} {n}")))
        await ctx.sleep(BRIEFLY)
    return results


# --- waiting --------------------------------------------------------------------------------------

waits = odradek.Service("Waits", invocation_retry_policy=QUICK_RETRIES)
suspending = odradek.Service("Suspending", inactivity_timeout=NOW, invocation_retry_policy=QUICK_RETRIES)


async def nap(ctx: odradek.Context, tag: str) -> str:
    await ctx.run_typed("before", lambda: note(f"{tag} before"))
    await ctx.sleep(SOON, name="nap")
    return await ctx.run_typed("after", lambda: note(f"{tag} after"))


async def await_outside(ctx: odradek.Context, tag: str) -> str:
    name, promise = ctx.awakeable(type_hint=str)
    await ctx.run_typed("tell", lambda: note(f"{tag} awakeable {name}"))
    try:
        return f"got {await promise}"
    except odradek.TerminalError as error:
        return f"rejected with {error.status_code}: {error.message}"


async def race(ctx: odradek.Context, tag: str) -> list[Any]:
    name, promise = ctx.awakeable(type_hint=str)
    await ctx.run_typed("tell", lambda: note(f"{tag} awakeable {name}"))
    first = await odradek.select(answer=promise, timeout=ctx.sleep(SOON))
    return [first[0], await odradek.select(answer=promise, timeout=ctx.sleep(timedelta(hours=1)))]


async def hear(ctx: odradek.Context, tag: str) -> str:
    own_id = ctx.request().id
    await ctx.run_typed("tell", lambda: note(f"{tag} id {own_id}"))
    return f"heard {await ctx.signal('news', type_hint=str)}"


async def gather_calls(ctx: odradek.Context, numbers: list[int]) -> list[int]:
    calls = [ctx.object_call(add, f"gather-{ctx.request().id}-{number}", number) for number in numbers]
    return [await call for call in await odradek.gather(*calls)]


for service in (waits, suspending):
    for function in (nap, await_outside, race, hear, gather_calls):
        service.handler(function.__name__)(function)


@waits.handler()
async def tell(ctx: odradek.Context, message: list[str]) -> None:
    ctx.resolve_signal(message[0], "news", message[1])


# --- objects --------------------------------------------------------------------------------------

counter = odradek.VirtualObject("Counter")
lazy = odradek.VirtualObject("Lazy", enable_lazy_state=True)


@counter.handler()
async def add(ctx: odradek.ObjectContext, amount: int) -> int:
    total = (await ctx.get("total", type_hint=int) or 0) + amount
    ctx.set("total", total)
    return total


@counter.handler(kind="shared")
async def read(ctx: odradek.ObjectSharedContext) -> dict[str, Any]:
    return {"key": ctx.key(), "keys": await ctx.state_keys(), "total": await ctx.get("total", type_hint=int)}


@counter.handler()
async def forget(ctx: odradek.ObjectContext) -> list[str]:
    ctx.set("other", 1)
    ctx.clear("total")
    left = await ctx.state_keys()
    ctx.clear_all()
    return left


@lazy.handler("add")
async def add_lazily(ctx: odradek.ObjectContext, amount: int) -> list[Any]:
    before = await ctx.state_keys()
    total = (await ctx.get("total", type_hint=int) or 0) + amount
    ctx.set("total", total)
    return [before, total]


# --- calls ----------------------------------------------------------------------------------------

calls = odradek.Service("Calls", invocation_retry_policy=QUICK_RETRIES)


@calls.handler()
async def call_twice(ctx: odradek.Context, key: str) -> list[int]:
    return [await ctx.object_call(add, key, 2), await ctx.object_call(add, key, 3)]


@calls.handler()
async def call_refused(ctx: odradek.Context, code: int) -> str:
    try:
        await ctx.service_call(refuse, code)
    except odradek.TerminalError as error:
        return f"{error.status_code} {error.message}"
    return "accepted"


@calls.handler()
async def send_and_attach(ctx: odradek.Context, key: str) -> list[Any]:
    sent = ctx.object_send(add, key, 5)
    later = ctx.object_send(add, key, 7, send_delay=SOON, idempotency_key=f"later-{key}")
    ids = [await sent.invocation_id(), await later.invocation_id()]
    return [ids, await ctx.attach_invocation(ids[1], type_hint=int)]


@calls.handler()
async def call_with_headers(ctx: odradek.Context) -> dict[str, Any]:
    call = ctx.service_call(about, None, idempotency_key=f"key-{ctx.request().id}", headers={"x-custom": "passed on"})
    return {"called": await call.invocation_id(), "answer": await call}


# --- cancellation ---------------------------------------------------------------------------------


@waits.handler()
async def book(ctx: odradek.Context, tag: str) -> str:
    await ctx.run_typed("book", lambda: note(f"{tag} booked"))
    try:
        await ctx.service_call(wait_long, tag)
    except odradek.TerminalError as error:
        await ctx.run_typed("undo", lambda: note(f"{tag} undone"))
        return f"{error.status_code} {error.message}"
    return "done"


@waits.handler()
async def linger(ctx: odradek.Context, tag: str) -> None:
    async def never_ends() -> None:
        note(f"{tag} begun")
        try:
            await asyncio.sleep(3600)
        finally:
            note(f"{tag} stopped")

    await ctx.run_typed("linger", never_ends)


@waits.handler()
async def wait_long(ctx: odradek.Context, tag: str) -> None:
    await ctx.run_typed("begin", lambda: note(f"{tag} waiting"))
    try:
        await ctx.sleep(timedelta(hours=1))
    except odradek.TerminalError:
        await ctx.run_typed("stop", lambda: note(f"{tag} stopped"))
        raise


# --- workflows ------------------------------------------------------------------------------------

approval = odradek.Workflow("Approval")


@approval.main()
async def run(ctx: odradek.WorkflowContext, subject: str) -> str:
    ctx.set("subject", subject)
    decision = await ctx.promise("decision", type_hint=str).value()
    return f"{subject}: {decision}"


@approval.handler()
async def decide(ctx: odradek.WorkflowSharedContext, decision: str) -> Any:
    await ctx.promise("decision", type_hint=str).resolve(decision)
    return [await ctx.get("subject", type_hint=str), await ctx.promise("decision", type_hint=str).peek()]


class OracleApplication(odradek.Application):
    """Offers no protocol version above `VERSION`."""

    def manifest(self) -> EndpointManifest:
        return msgspec.structs.replace(super().manifest(), max_protocol_version=VERSION)


SERVICES = (greeter, steps, waits, suspending, counter, lazy, calls, approval)
app = OracleApplication(SERVICES, KEYS)
