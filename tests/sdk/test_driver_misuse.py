"""Handlers that use their context where they cannot: the error names the handler, the operation and the way out."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from fake_engine import FakeEngine, run

import odradek
from odradek.protocol.messages import Error, RunCommand


def message_of(function: Any, *, kind: str | None = None) -> str:
    """The message that an attempt of this handler fails with."""
    declared: Any = odradek.Service("Svc") if kind is None else odradek.VirtualObject("Svc")
    options = {} if kind is None else {"kind": kind}
    declared.handler(**options)(function)

    async def test() -> str:
        made = FakeEngine(odradek.app([declared]), "Svc/handler", key="k")
        last = await made.finish()
        assert isinstance(last, Error), last
        assert last.code == 500
        return last.message

    return run(test)


def assert_says(message: str, *parts: str) -> None:
    for part in ("Svc/handler", *parts):
        assert part in message


def test_context_inside_an_async_action() -> None:
    async def handler(ctx: Any) -> None:
        async def action() -> None:
            ctx.set("a", 1)

        await ctx.run_typed("outer", action)

    assert_says(message_of(handler, kind="exclusive"), "ctx.set", "inside run 'outer'", "before or after the run")


def test_context_inside_a_thread_action() -> None:
    async def handler(ctx: Any) -> None:
        await ctx.run_typed("outer", lambda: ctx.generic_send("A", "b", b""))

    assert_says(message_of(handler), "a send", "inside run 'outer'")


def test_durable_future_inside_an_action_is_not_retried_by_the_blocks_policy() -> None:
    async def handler(ctx: Any) -> None:
        sleep = ctx.sleep(timedelta(seconds=1))

        async def action() -> None:
            await sleep

        await ctx.run_typed("outer", action, odradek.RunOptions(max_attempts=1))

    assert_says(message_of(handler), "a sleep", "inside run 'outer'")


def test_two_awaits_at_once() -> None:
    async def handler(ctx: Any) -> None:
        await asyncio.gather(ctx.sleep(timedelta(seconds=1), "a"), ctx.sleep(timedelta(seconds=1), "b"))

    assert_says(message_of(handler), "sleep 'b'", "while it awaits sleep 'a'", "odradek.gather")


def test_operation_while_an_await_goes_on() -> None:
    async def handler(ctx: Any) -> None:
        waiting = asyncio.ensure_future(ctx.awakeable()[1])
        await asyncio.sleep(0)
        try:
            ctx.generic_send("A", "b", b"")
        finally:
            waiting.cancel()

    assert_says(message_of(handler), "a send was used while it awaits awakeable sign_1")


def test_context_of_another_invocation() -> None:
    contexts: list[Any] = []
    service = odradek.Service("Svc")

    @service.handler()
    async def handler(ctx: odradek.Context) -> None:
        contexts.append(ctx)
        await ctx.awakeable()[1]

    @service.handler()
    async def thief(ctx: odradek.Context) -> None:
        contexts[0].generic_send("A", "b", b"")

    async def test() -> None:
        app = odradek.app([service])
        first = FakeEngine(app, "Svc/handler")
        side = first.start()
        await first.until(lambda: first.sends)
        last = await FakeEngine(app, "Svc/thief").finish()
        assert isinstance(last, Error)
        assert_says(last.message, "by another invocation, of Svc/thief")
        side.abort()

    run(test)


def test_context_after_the_end_and_outside() -> None:
    contexts: list[Any] = []
    service = odradek.Service("Svc")

    @service.handler()
    async def handler(ctx: odradek.Context) -> None:
        contexts.append(ctx)

        async def aside() -> None:
            await asyncio.sleep(0)
            with pytest.raises(odradek.HandlerMisuseError, match="after the handler had ended"):
                ctx.generic_send("A", "b", b"")
            contexts.append("checked")

        contexts.append(asyncio.ensure_future(aside()))

    async def test() -> None:
        made = FakeEngine(odradek.app([service]), "Svc/handler")
        await made.output()
        await contexts[1]
        assert contexts[2] == "checked"
        with pytest.raises(odradek.HandlerMisuseError, match="does not belong to the handler"):
            contexts[0].sleep(timedelta(seconds=1))

    run(test)


def test_run_that_is_never_awaited() -> None:
    async def handler(ctx: Any) -> str:
        ctx.run_typed("forgotten", lambda: 1)
        return "done"

    assert_says(message_of(handler), "without awaiting run 'forgotten'", "await ctx.run_typed")


def test_run_that_lost_a_race_is_no_misuse() -> None:
    service = odradek.Service("Svc")

    @service.handler()
    async def handler(ctx: odradek.Context) -> str:
        timer = ctx.sleep(timedelta(seconds=1))
        await timer
        winner, _ = await odradek.select(timer=timer, block=ctx.run_typed("late", lambda: 1))
        return str(winner)

    async def test() -> None:
        made = FakeEngine(odradek.app([service]), "Svc/handler")
        assert (await made.output()).value == b'"timer"'
        assert RunCommand(2, "late") in made.sent

    run(test)


@pytest.mark.filterwarnings("error")
def test_coroutine_instead_of_a_function() -> None:
    async def action() -> int:
        return 1

    async def handler(ctx: Any) -> None:
        await ctx.run_typed("step", action())

    assert "run 'step' was given a coroutine: pass the function itself" in message_of(handler)


def test_value_instead_of_a_function() -> None:
    async def handler(ctx: Any) -> None:
        await ctx.run_typed("step", 5)

    assert "run 'step' was given a int, which cannot be called" in message_of(handler)


@pytest.mark.parametrize("operation", ["set", "clear", "clear_all"])
def test_write_in_a_shared_handler(operation: str) -> None:
    async def handler(ctx: Any) -> None:
        arguments = {"set": ("a", 1), "clear": ("a",), "clear_all": ()}[operation]
        getattr(ctx, operation)(*arguments)

    assert_says(message_of(handler, kind="shared"), f"ctx.{operation} in a shared handler", "exclusive")


@pytest.mark.parametrize("operation", ["get", "set", "clear", "clear_all", "state_keys", "key"])
def test_state_in_a_plain_service(operation: str) -> None:
    async def handler(ctx: Any) -> None:
        arguments: tuple[Any, ...] = {"get": ("a",), "set": ("a", 1), "clear": ("a",)}.get(operation, ())
        getattr(ctx, operation)(*arguments)

    assert_says(message_of(handler), f"ctx.{operation} in a plain service", "VirtualObject")


other = odradek.Service("Other")
keyed = odradek.VirtualObject("Keyed")


@other.handler()
async def plain(ctx: odradek.Context, value: Any = None) -> None:
    return None


@keyed.handler()
async def exclusive(ctx: odradek.ObjectContext, value: Any = None) -> None:
    return None


async def undecorated(ctx: odradek.Context, value: Any) -> None:
    return None


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda ctx: ctx.service_call(exclusive, None), "Keyed/exclusive belongs to an object: use object_call"),
        (lambda ctx: ctx.object_call(plain, "k", None), "Other/plain belongs to a plain service: use service_call"),
        (lambda ctx: ctx.object_send(exclusive, 5, None), "the key for Keyed/exclusive must be a str, not int"),
        (lambda ctx: ctx.service_call(undecorated, None), "undecorated is not a handler"),
        (lambda ctx: ctx.generic_call("A", "b", "text"), "the argument for A/b must be bytes, not str"),
        (lambda ctx: ctx.service_send(plain, None, headers={"a": 1}), "header 'a' must be a str"),
    ],
)
def test_wrong_calls(call: Any, text: str) -> None:
    async def handler(ctx: Any) -> None:
        call(ctx)

    assert text in message_of(handler)


@pytest.mark.parametrize(
    "operation",
    [lambda ctx: ctx.resolve_awakeable("bad", 1), lambda ctx: ctx.cancel_invocation("bad")],
)
def test_malformed_ids_are_terminal(operation: Any) -> None:
    service = odradek.Service("Svc")

    @service.handler()
    async def handler(ctx: odradek.Context) -> None:
        operation(ctx)

    async def test() -> None:
        output = await FakeEngine(odradek.app([service]), "Svc/handler").output()
        assert output.failure is not None
        assert output.failure.code == 400
        assert "'bad' is not an" in output.failure.message

    run(test)
