"""How attempts end: suspension and abort, and what must not happen afterwards."""

from __future__ import annotations

import asyncio
import gc
from datetime import timedelta
from typing import Any

import pytest
from fake_engine import FakeEngine, run

import odradek
from odradek.exceptions import SuspendedException
from odradek.protocol.messages import (
    Combinator,
    End,
    Entry,
    Future,
    InputCommand,
    ProposeRunCompletion,
    RunCommand,
    SleepCommand,
    SleepCompletion,
    Suspension,
)


class World:
    """What handlers of a test share with it."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.log: list[str] = []


def service(*functions: Any) -> odradek.Application:
    made = odradek.Service("Svc")
    for function in functions:
        made.handler()(function)
    return odradek.app([made])


def engine(function: Any, journal: list[Entry] | None = None) -> FakeEngine:
    return FakeEngine(service(function), f"Svc/{function.__name__}", journal=journal or ())


class TestSuspension:
    def test_when_the_input_closes_while_waiting(self) -> None:
        seen: list[str] = []

        async def handler(ctx: odradek.Context) -> None:
            try:
                await ctx.sleep(timedelta(seconds=1))
            except BaseException as error:
                seen.append(type(error).__name__)
                raise

        async def test() -> None:
            made = engine(handler)
            made.fires_timers = False
            side = made.start()
            await made.until(lambda: made.sends)
            side.close_input()
            await made.until(lambda: made.last)
            assert made.last == Suspension(Future((1,), (1,), combinator=Combinator.FIRST_COMPLETED))
            await made.settle()
            assert seen == ["SuspendedException"]

        run(test)

    def test_at_the_first_wait_when_the_input_is_closed_before(self) -> None:
        async def handler(ctx: odradek.Context) -> None:
            await ctx.sleep(timedelta(seconds=1))

        async def test() -> None:
            made = engine(handler)
            made.fires_timers = False
            made.start().close_input()
            await made.until(lambda: made.last)
            assert [type(message) for message in made.sends[0]] == [SleepCommand, Suspension]

        run(test)

    def test_waits_for_an_action_that_executes(self) -> None:
        async def test() -> None:
            world = World()

            async def action() -> int:
                await world.gate.wait()
                return 1

            async def handler(ctx: odradek.Context) -> int:
                return await ctx.run_typed("slow", action)

            made = engine(handler)
            made.acknowledges = False
            side = made.start()
            await made.until(lambda: made.sends)
            side.close_input()
            await made.settle()
            assert made.last is None
            world.gate.set()
            await made.until(lambda: made.last)
            assert made.sent[1:] == [
                ProposeRunCompletion(1, b"1"),
                Suspension(Future((1,), (1,), combinator=Combinator.FIRST_COMPLETED)),
            ]

        run(test)

    def test_waits_for_all_actions_that_execute(self) -> None:
        async def test() -> None:
            gates = [asyncio.Event(), asyncio.Event()]

            async def action(number: int) -> int:
                await gates[number].wait()
                return number

            async def handler(ctx: odradek.Context) -> None:
                options: odradek.RunOptions[int] = odradek.RunOptions()
                await odradek.gather(*(ctx.run_typed(str(n), action, options, n) for n in range(2)))

            made = engine(handler)
            made.acknowledges = False
            side = made.start()
            await made.until(lambda: made.sends)
            side.close_input()
            gates[1].set()
            await made.settle()
            assert made.last is None
            gates[0].set()
            await made.until(lambda: made.last)
            inner = Future((1, 2), combinator=Combinator.ALL_COMPLETED)
            assert made.last == Suspension(Future((), (1,), (), (inner,), Combinator.FIRST_COMPLETED))

        run(test)

    def test_foreign_await_keeps_the_handler_alive(self) -> None:
        async def test() -> None:
            world = World()

            async def handler(ctx: odradek.Context) -> None:
                await world.gate.wait()
                await ctx.sleep(timedelta(seconds=1))

            made = engine(handler)
            made.fires_timers = False
            made.start().close_input()
            await made.settle()
            assert made.last is None
            world.gate.set()
            await made.until(lambda: made.last)
            assert isinstance(made.last, Suspension)

        run(test)

    def test_operations_after_it_raise_and_send_nothing(self) -> None:
        async def handler(ctx: odradek.Context) -> None:
            try:
                await ctx.sleep(timedelta(seconds=1))
            finally:
                with pytest.raises(SuspendedException):
                    await ctx.run_typed("late", lambda: 1)

        async def test() -> None:
            made = engine(handler)
            made.fires_timers = False
            made.start().close_input()
            await made.until(lambda: made.last)
            await made.settle()
            assert [type(message) for message in made.sent] == [SleepCommand, Suspension]

        run(test)

    def test_handler_that_swallows_it_still_ends_suspended(self) -> None:
        async def handler(ctx: odradek.Context) -> str:
            try:
                await ctx.sleep(timedelta(seconds=1))
            except BaseException:
                return "swallowed"
            return "slept"

        async def test() -> None:
            made = engine(handler)
            made.fires_timers = False
            made.start().close_input()
            await made.until(lambda: made.last)
            await made.settle()
            assert isinstance(made.last, Suspension)

        run(test)


class TestAbort:
    def test_stops_the_handler_and_sends_nothing(self) -> None:
        async def test() -> None:
            world = World()

            async def handler(ctx: odradek.Context) -> None:
                try:
                    ctx.generic_send("A", "b", b"")
                    await world.gate.wait()
                except asyncio.CancelledError:
                    world.log.append("cancelled")
                    raise

            made = engine(handler)
            side = made.start()
            await made.settle()
            sent = len(made.sends)
            side.abort()
            await made.until(lambda: world.log)
            await made.settle()
            assert len(made.sends) == sent
            assert made.last is None

        run(test)

    def test_before_the_handler_began(self) -> None:
        async def test() -> None:
            world = World()

            async def handler(ctx: odradek.Context) -> None:
                world.log.append("ran")

            made = engine(handler)
            made.start().abort()
            await made.settle()
            assert made.sends == []
            assert world.log == []

        run(test)

    def test_stops_actions(self) -> None:
        async def test() -> None:
            world = World()

            async def action() -> None:
                try:
                    await world.gate.wait()
                finally:
                    world.log.append("action stopped")

            async def handler(ctx: odradek.Context) -> None:
                await ctx.run_typed("slow", action)

            made = engine(handler)
            side = made.start()
            await made.until(lambda: made.sends)
            side.abort()
            await made.until(lambda: world.log)
            await made.settle()
            assert [type(message) for message in made.sent] == [RunCommand]

        run(test)

    def test_result_of_a_thread_comes_too_late(self) -> None:
        async def test() -> None:
            loop = asyncio.get_running_loop()
            finish: asyncio.Future[int] = loop.create_future()

            async def handler(ctx: odradek.Context) -> None:
                await ctx.run_typed("thread", lambda: 1)

            made = engine(handler)
            made.environment.run_in_thread = lambda _: finish  # type: ignore[method-assign,assignment,return-value]
            side = made.start()
            await made.until(lambda: made.sends)
            side.abort()
            if not finish.done():
                finish.set_result(1)
            await made.settle()
            assert [type(message) for message in made.sent] == [RunCommand]

        run(test)

    def test_finished_event(self) -> None:
        async def test() -> None:
            events: list[Any] = []

            async def handler(ctx: odradek.Context) -> None:
                events.append(ctx.request().attempt_finished_event)
                await ctx.sleep(timedelta(seconds=1))

            made = engine(handler)
            made.fires_timers = False
            side = made.start()
            await made.until(lambda: events)
            assert not events[0].is_set()
            waiting = asyncio.create_task(events[0].wait())
            await made.settle()
            side.abort()
            await waiting
            assert events[0].is_set()
            await events[0].wait()

        run(test)


async def ends_well(ctx: odradek.Context) -> str:
    ctx.generic_send("A", "b", b"")
    await ctx.sleep(timedelta(seconds=1))
    return await ctx.run_typed("step", lambda: "ok")


async def is_suspended(ctx: odradek.Context) -> None:
    await ctx.awakeable()[1]


async def raises(ctx: odradek.Context) -> None:
    raise ValueError("boom")


async def block_fails(ctx: odradek.Context) -> None:
    await ctx.run_typed("step", raises, odradek.RunOptions(), ctx)


@pytest.mark.parametrize("handler", [ends_well, is_suspended, raises, block_fails])
def test_attempts_leave_no_reference_cycles(handler: Any) -> None:
    """At thousands of attempts a second the garbage collector would be the slowest part."""

    async def attempt() -> None:
        made = engine(handler)
        side = made.start()
        await made.settle()
        if handler is is_suspended:
            side.close_input()
        await made.until(lambda: made.last)
        await made.settle()
        made.side = None

    async def test() -> None:
        for _ in range(3):
            await attempt()

    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        run(test)
        gc.collect()
        leaked = [type(item).__name__ for item in gc.garbage if type(item).__module__.startswith("odradek")]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
    assert leaked == []


def test_context_managers_wrap_the_invocation() -> None:
    from contextlib import asynccontextmanager

    from odradek.extensions import contextvar, current_context

    log: list[str] = []

    @contextvar
    @asynccontextmanager
    async def resource() -> Any:
        log.append("open")
        yield "value"
        log.append("close")

    made_service = odradek.Service("Svc", invocation_context_managers=[resource])

    @made_service.handler()
    async def handler(ctx: odradek.Context) -> Any:
        assert current_context() is ctx
        log.append("handler")
        return resource.value

    async def test() -> None:
        made = FakeEngine(odradek.app([made_service]), "Svc/handler")
        assert (await made.output()).value == b'"value"'
        assert log == ["open", "handler", "close"]
        with pytest.raises(LookupError, match="outside"):
            _ = resource.value

    run(test)


def test_end_is_the_last_message_and_late_deliveries_are_ignored() -> None:
    async def handler(ctx: odradek.Context) -> None:
        ctx.sleep(timedelta(seconds=1))

    async def test() -> None:
        made = engine(handler)
        assert await made.finish() == End()
        assert made.side is not None
        made.side.deliver((SleepCompletion(1),))
        made.side.close_input()
        made.side.abort()
        await made.settle()
        assert made.sent[-1] == End()
        assert isinstance(made.journal[0], InputCommand)

    run(test)
