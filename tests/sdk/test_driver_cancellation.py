"""Cancellation of a handler: at its next await, passed on to its children, and the same on every replay."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from fake_engine import FakeEngine, child_id, run

import odradek
from odradek.protocol.messages import (
    CallCommand,
    CallInvocationIdCompletion,
    Combinator,
    Entry,
    Failure,
    Future,
    OutputCommand,
    SendSignalCommand,
    SignalNotification,
    SleepCompletion,
    Suspension,
)

CANCEL = SignalNotification(1)


def engine(function: Any, journal: list[Entry] | None = None) -> FakeEngine:
    service = odradek.Service("Svc")
    service.handler()(function)
    return FakeEngine(odradek.app([service]), f"Svc/{function.__name__}", journal=journal or ())


def test_cancellation_ends_a_sleep_and_the_handler_may_go_on() -> None:
    async def handler(ctx: odradek.Context) -> str:
        try:
            await ctx.sleep(timedelta(seconds=100))
        except odradek.TerminalError as error:
            undone = await ctx.run_typed("undo", lambda: "undone")
            return f"{error.message} {error.status_code} {undone}"
        return "slept"

    async def test() -> None:
        made = engine(handler)
        made.fires_timers = False
        made.start()
        await made.until(lambda: made.sends)
        made.notify(CANCEL)
        await made.until(lambda: made.last)
        assert made.journal[-1] == OutputCommand(b'"cancelled 409 undone"')
        again = engine(handler)
        again.journal = made.journal[:-1]
        assert (await again.output()).value == b'"cancelled 409 undone"'

    run(test)


def test_cancellation_reaches_children_in_flight() -> None:
    async def handler(ctx: odradek.Context) -> None:
        await ctx.generic_call("Child", "work", b"")

    async def test() -> None:
        made = engine(handler)
        made.start()
        await made.until(lambda: made.sends)
        made.notify(CANCEL)
        await made.until(lambda: made.last)
        assert SendSignalCommand(child_id(1), 1) in made.sent
        assert made.journal[-1] == OutputCommand(None, Failure(409, "cancelled"))

    run(test)


def test_cancellation_waits_for_the_childs_id_and_is_not_lost_by_a_suspension_meanwhile() -> None:
    async def handler(ctx: odradek.Context) -> None:
        await ctx.generic_call("Child", "work", b"")

    async def test() -> None:
        call = CallCommand("Child", "work", b"", (), "", None, 1, 2)
        made = engine(handler, [call, CANCEL])
        made.start().close_input()
        await made.until(lambda: made.last)
        assert made.last == Suspension(Future((1,), combinator=Combinator.ALL_COMPLETED))
        made.journal.append(CallInvocationIdCompletion(1, child_id(1)))
        output = await made.output()
        assert made.sent[0] == SendSignalCommand(child_id(1), 1)
        assert output.failure == Failure(409, "cancelled")

    run(test)


def test_cancellation_is_passed_on_even_if_the_handler_goes_on_to_await_something_foreign() -> None:
    async def test() -> None:
        gate = asyncio.Event()

        async def handler(ctx: odradek.Context) -> None:
            call = ctx.generic_call("Child", "work", b"")
            await ctx.sleep(timedelta(seconds=1))
            try:
                await call
            except odradek.TerminalError:
                await gate.wait()

        made = engine(handler)
        made.fires_timers = False
        side = made.start()
        await made.settle()
        made.notify(SleepCompletion(3))
        made.notify(CANCEL)
        await made.settle()
        assert made.sends[1:] == [[SendSignalCommand(child_id(1), 1)]]
        side.abort()

    run(test)


def test_cancellation_does_not_wait_for_a_running_action() -> None:
    async def test() -> None:
        gate = asyncio.Event()

        async def action() -> str:
            await gate.wait()
            return "late"

        async def handler(ctx: odradek.Context) -> str:
            future = ctx.run_typed("slow", action)
            try:
                await future
            except odradek.TerminalError:
                gate.set()
            return await future

        made = engine(handler)
        made.start()
        await made.until(lambda: made.sends)
        made.notify(CANCEL)
        await made.until(lambda: made.last)
        assert made.journal[-1] == OutputCommand(b'"late"')

    run(test)


def test_cancellation_of_a_run_that_had_not_started_is_no_misuse() -> None:
    async def handler(ctx: odradek.Context) -> str:
        try:
            return await ctx.run_typed("never", lambda: "ran")
        except odradek.TerminalError:
            return "cancelled before"

    async def test() -> None:
        made = engine(handler, [CANCEL])
        assert (await made.output()).value == b'"cancelled before"'

    run(test)
