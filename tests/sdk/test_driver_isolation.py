"""What attempts share with the engine and with each other: nothing."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from datetime import timedelta

import pytest
from fake_engine import FakeEngine, run

import odradek
from odradek.extensions import current_context
from odradek.protocol.messages import Error, HandlerMessage

colour: ContextVar[str] = ContextVar("colour", default="none")


def test_context_variables_of_a_handler_do_not_reach_the_engine_or_other_handlers() -> None:
    seen: list[str] = []
    service = odradek.Service("Svc")

    @service.handler()
    async def first(ctx: odradek.Context) -> None:
        seen.append(f"first {colour.get()}")
        colour.set("red")
        await ctx.sleep(timedelta(seconds=1))
        seen.append(f"first {colour.get()}")

    @service.handler()
    async def second(ctx: odradek.Context) -> None:
        seen.append(f"second {colour.get()}")

    class Engine(FakeEngine):
        """Starts the second handler from within the first one's send."""

        def send(self, messages: list[HandlerMessage]) -> None:  # type: ignore[override]
            seen.append(f"engine {colour.get()} {current_context()}")
            if not other.sends:
                other.start()
            super().send(messages)

    async def test() -> None:
        colour.set("caller")
        await made.output()
        await made.until(lambda: other.last)

    app = odradek.app([service])
    made = Engine(app, "Svc/first")
    other = FakeEngine(app, "Svc/second")
    run(test)
    assert seen == ["first none", "engine none None", "second none", "first red", "engine none None"]


def test_timeouts_of_asyncio_work_around_durable_futures() -> None:
    service = odradek.Service("Svc")

    @service.handler()
    async def handler(ctx: odradek.Context) -> str:
        _, future = ctx.awakeable()
        try:
            async with asyncio.timeout(0):
                await future
        except TimeoutError:
            pass
        try:
            await asyncio.wait_for(future, 0.001)
        except TimeoutError:
            return await ctx.run_typed("after", lambda: "timed out")
        return "completed"

    async def test() -> None:
        made = FakeEngine(odradek.app([service]), "Svc/handler")
        assert (await made.output()).value == b'"timed out"'

    run(test)


@pytest.mark.filterwarnings("error")
def test_tasks_that_a_handler_leaves_behind_are_stopped() -> None:
    tasks: list[asyncio.Future[None]] = []
    service = odradek.Service("Svc")

    @service.handler()
    async def handler(ctx: odradek.Context) -> None:
        tasks.append(asyncio.ensure_future(ctx.sleep(timedelta(seconds=1))))
        await asyncio.sleep(0)
        await ctx.sleep(timedelta(seconds=2))

    async def test() -> None:
        made = FakeEngine(odradek.app([service]), "Svc/handler")
        made.fires_timers = False
        last = await made.finish()
        assert isinstance(last, Error)
        assert "while it awaits a sleep" in last.message
        await made.settle()
        assert tasks[0].cancelled()

    run(test)


def test_ten_thousand_operations_in_one_stretch_leave_in_one_send() -> None:
    account = odradek.VirtualObject("Account")

    @account.handler()
    async def fill(ctx: odradek.ObjectContext) -> int:
        for number in range(10_000):
            ctx.set(f"key {number}", number)
        return len(await ctx.state_keys())

    async def test() -> None:
        made = FakeEngine(odradek.app([account]), "Account/fill", key="k")
        assert (await made.output()).value == b"10000"
        assert len(made.sends) == 1

    run(test)
