"""What handlers must not do: the error names handler, key and operation and says what to do; nobody else suffers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

import odradek
from odradek import testing

HOUR = timedelta(hours=1)

box = odradek.VirtualObject("Box")
kept: dict[str, Any] = {}
"""What handlers keep beyond their end, which they must not."""


@box.handler()
async def add(ctx: odradek.ObjectContext) -> int:
    count = (await ctx.get("count", type_hint=int) or 0) + 1
    ctx.set("count", count)
    return count


@box.handler(kind="shared")
async def write_while_shared(ctx: odradek.ObjectContext) -> None:
    ctx.set("count", 7)


@box.handler()
async def promise_outside_of_a_workflow(ctx: odradek.WorkflowContext) -> None:
    await ctx.promise("p")


@box.handler()
async def await_inside_a_step(ctx: odradek.ObjectContext) -> None:
    async def action() -> None:
        await ctx.sleep(HOUR)

    await ctx.run_typed("my step", action)


@box.handler()
async def keep_context(ctx: odradek.ObjectContext) -> None:
    kept["context"] = ctx


@box.handler()
async def wait_with_context(ctx: odradek.ObjectContext) -> None:
    kept["context"] = ctx
    await ctx.sleep(HOUR)


@box.handler()
async def use_anothers_context(ctx: odradek.ObjectContext) -> None:
    kept["context"].set("count", 7)


@box.handler()
async def await_twice_at_once(ctx: odradek.ObjectContext) -> None:
    nap = ctx.sleep(HOUR, "a nap")
    await asyncio.gather(_await(nap), _await(nap))


async def _await(future: Any) -> None:
    await future


@box.handler()
async def set_what_has_no_form(ctx: odradek.ObjectContext) -> None:
    ctx.set("thing", object())


@box.handler()
async def return_what_has_no_form(ctx: odradek.ObjectContext) -> Any:
    return {1, 2, object()}


@box.handler()
async def step_without_await(ctx: odradek.ObjectContext) -> None:
    ctx.run_typed("my step", lambda: 1)


@box.handler()
async def step_of_a_coroutine(ctx: odradek.ObjectContext) -> None:
    await ctx.run_typed("my step", asyncio.sleep(0))  # type: ignore[call-overload]


@box.handler()
async def another_way_each_time(ctx: odradek.ObjectContext) -> None:
    kept["attempts"] = kept.get("attempts", 0) + 1
    await ctx.run_typed(f"step {kept['attempts']}", lambda: 1)
    await ctx.sleep(HOUR)


app = odradek.app([box])


@pytest.fixture
def engine() -> Iterator[testing.Engine]:
    kept.clear()
    with testing.engine(app) as running:
        yield running


def check_told(engine: testing.Engine, invocation: testing.Invocation[Any], *parts: str) -> None:
    """The misuse is told, others go on meanwhile, and so does the key when the handler is gone."""
    assert engine.call(add, key="another") >= 1
    status = invocation.status
    assert status is not None
    assert status.state in ("backing-off", "paused")
    missing = [part for part in ("of key 'mine'", *parts) if part not in (status.last_failure or "")]
    assert not missing, status.last_failure
    invocation.kill()
    assert engine.call(add, key="mine") == 1
    assert engine.state(box, "mine") == {"count": 1}


@pytest.mark.row("H13")
@pytest.mark.parametrize(
    ("handler", "parts"),
    [
        (write_while_shared, ["ctx.set", "shared handler", "make the handler exclusive"]),
        (promise_outside_of_a_workflow, ["ctx.promise", "declare the handler on a Workflow", "ctx.awakeable"]),
        (await_inside_a_step, ["ctx.sleep", "inside run 'my step'", "before or after the run"]),
        (await_twice_at_once, ["sleep 'a nap'", "while it awaits sleep 'a nap'", "odradek.gather"]),
        (set_what_has_no_form, ["ctx.set", "'thing'", "value of type object"]),
        (return_what_has_no_form, ["value of type object", "output_serde"]),
        (step_without_await, ["run 'my step'", "never ran", "await ctx.run_typed"]),
        (step_of_a_coroutine, ["run 'my step'", "was given a coroutine", "pass the function itself"]),
    ],
)
def test_misuse_is_told_and_hurts_nobody_else(engine: testing.Engine, handler: Any, parts: list[str]) -> None:
    name = f"Box/{handler.__name__}"
    check_told(engine, engine.send(name, key="mine"), name, *parts)


def test_the_context_of_another_handler(engine: testing.Engine) -> None:
    owner = engine.send(wait_with_context, key="another owner")
    thief = engine.send(use_anothers_context, key="mine")
    status = thief.status
    assert status is not None
    told = status.last_failure or ""
    assert "Box/wait_with_context of key 'another owner': ctx.set was used by another invocation" in told
    assert "of Box/use_anothers_context of key 'mine'" in told
    owner.kill()
    thief.kill()
    assert engine.call(add, key="mine") == 1


def test_a_context_after_its_handler_has_returned(engine: testing.Engine) -> None:
    engine.call(keep_context, key="mine")
    with pytest.raises(odradek.HandlerMisuseError, match=r"Box/keep_context of key 'mine': ctx.set was used"):
        kept["context"].set("count", 7)
    thief = engine.send(use_anothers_context, key="mine")
    status = thief.status
    assert status is not None
    assert "Box/keep_context of key 'mine': ctx.set was used" in (status.last_failure or "")
    thief.kill()
    assert engine.call(add, key="mine") == 1


@pytest.mark.row("E12")
def test_code_that_goes_another_way_than_its_journal(engine: testing.Engine) -> None:
    invocation = engine.send(another_way_each_time, key="mine")
    engine.crash_and_restart()
    check_told(engine, invocation, "Journal mismatch in Box/another_way_each_time", "'step 1'", "'step 2'")
