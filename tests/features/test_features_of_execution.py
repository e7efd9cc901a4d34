"""Section E of docs/features.md: durable execution."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

import odradek
from odradek import testing

SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)

steps = odradek.Service("Steps")
happened: Counter[str] = Counter()
"""What the world outside saw."""


def happen(what: str) -> int:
    happened[what] += 1
    return happened[what]


@steps.handler()
async def two_steps(ctx: odradek.Context) -> list[int]:
    first = await ctx.run_typed("first", happen, odradek.RunOptions(), "first")
    happen("behind the first")
    second = await ctx.run_typed("second", happen, odradek.RunOptions(), "second")
    await ctx.sleep(MINUTE)
    return [first, second]


@steps.handler(
    invocation_retry_policy=odradek.InvocationRetryPolicy(max_attempts=1, on_max_attempts="kill"),
)
async def step_that_fails_often(ctx: odradek.Context, failures: int) -> int:
    def fail_at_first() -> int:
        if happen("try") <= failures:
            raise ValueError(f"try {happened['try']}")
        return happened["try"]

    options = odradek.RunOptions[int](
        initial_retry_interval=10 * SECOND, retry_interval_factor=2, max_retry_interval=30 * SECOND
    )
    return await ctx.run_typed("step", fail_at_first, options)


@steps.handler()
async def step_that_gives_up(ctx: odradek.Context, limits: dict[str, float]) -> tuple[int, str]:
    def fail() -> None:
        raise ValueError(f"try {happen('try')}")

    duration = limits.get("seconds")
    options = odradek.RunOptions[None](
        max_attempts=int(limits["attempts"]) if "attempts" in limits else None,
        max_duration=None if duration is None else timedelta(seconds=duration),
        initial_retry_interval=10 * SECOND,
        retry_interval_factor=1,
    )
    try:
        await ctx.run_typed("step", fail, options)
    except odradek.TerminalError as error:
        await ctx.sleep(MINUTE)
        return error.status_code, error.message
    raise AssertionError("it did not give up")


@steps.handler()
async def step_that_refuses(ctx: odradek.Context) -> tuple[int, str, dict[str, str] | None]:
    def refuse() -> None:
        happen("refusal")
        raise odradek.TerminalError("sold out", 410, {"left": "0"})

    try:
        await ctx.run_typed("refuse", refuse)
    except odradek.TerminalError as error:
        await ctx.sleep(MINUTE)
        return error.status_code, error.message, error.metadata
    raise AssertionError("it was not refused")


@steps.handler()
async def steps_side_by_side(ctx: odradek.Context) -> list[int]:
    async def wait(number: int) -> int:
        await asyncio.sleep(10 - number)
        happen(f"wait {number}")
        return number

    waits = [ctx.run_typed(f"wait {number}", wait, odradek.RunOptions(), number) for number in range(5)]
    return [await each for each in await odradek.gather(*waits)]


@steps.handler()
async def draw(ctx: odradek.Context) -> list[Any]:
    drawn = [ctx.random().random(), str(ctx.uuid()), ctx.random().randint(0, 1 << 60), await ctx.time()]
    await ctx.sleep(DAY)
    return [*drawn, str(ctx.uuid()), ctx.random().random()]


@steps.handler()
async def sleep_for_days(ctx: odradek.Context, days: int) -> str:
    happen("attempt")
    await ctx.sleep(timedelta(days=days))
    return "slept"


@steps.handler(inactivity_timeout=timedelta(0))
async def suspend_at_once(ctx: odradek.Context) -> list[str]:
    happen("attempt")
    first = await ctx.signal("word", type_hint=str)
    return [first, await ctx.signal("word", type_hint=str)]


@steps.handler(inactivity_timeout=10 * SECOND, abort_timeout=20 * SECOND)
async def hang(ctx: odradek.Context) -> str:
    if happen("attempt") == 1:
        await asyncio.sleep(DAY.total_seconds())
    return f"attempt {happened['attempt']}"


@steps.handler()
async def tell_everybody(ctx: odradek.Context, listener: str) -> list[Any]:
    ctx.service_send(note, arg="sent")
    ctx.service_send(note, arg="sent later", send_delay=MINUTE)
    called = await ctx.service_call(note, arg="called")
    ctx.resolve_signal(listener, "word", "signalled")
    ctx.resolve_signal(listener, "word", "again")
    await ctx.sleep(2 * MINUTE)
    return [called]


@steps.handler()
async def note(ctx: odradek.Context, what: str) -> str:
    ctx.object_send(count_up, key=what, arg=None)
    return what


counter = odradek.VirtualObject("Counter")


@counter.handler()
async def count_up(ctx: odradek.ObjectContext) -> None:
    ctx.set("count", (await ctx.get("count", type_hint=int) or 0) + 1)


app = odradek.app([steps, counter])


@pytest.fixture
def engine() -> Iterator[testing.Engine]:
    happened.clear()
    with testing.engine(app) as running:
        yield running


@pytest.mark.row("E1")
@pytest.mark.parametrize("power", [False, True], ids=["kill", "power"])
def test_a_step_whose_result_is_stored_does_not_run_again(engine: testing.Engine, power: bool) -> None:
    invocation = engine.send(two_steps)
    for _ in range(3):
        engine.crash_and_restart(power=power)
    assert invocation.result() == [1, 1]
    assert (happened["first"], happened["second"]) == (1, 1)
    assert happened["behind the first"] > 1, "code outside of steps runs in each attempt"


@pytest.mark.row("E2")
def test_the_code_behind_a_step_waits_until_its_result_is_stored(engine: testing.Engine) -> None:
    engine.crash_at(3, "sent")  # the invocation, the step's command, its result
    invocation = engine.send(two_steps)
    assert (happened["first"], happened["behind the first"]) == (2, 1)
    assert invocation.result() == [2, 1]


@pytest.mark.row("E3")
def test_the_delays_of_a_step_are_kept_exactly_and_do_not_use_up_the_invocations_attempts(
    engine: testing.Engine,
) -> None:
    begun = engine.now
    assert engine.call(step_that_fails_often, 5) == 6
    assert engine.now - begun == (10 + 20 + 30 + 30 + 30) * SECOND


@pytest.mark.row("E4")
@pytest.mark.parametrize(
    ("limits", "tries"), [({"attempts": 1}, 1), ({"attempts": 3}, 3), ({"seconds": 25}, 4)], ids=str
)
def test_a_step_gives_up_for_good(engine: testing.Engine, limits: dict[str, float], tries: int) -> None:
    invocation = engine.send(step_that_gives_up, limits)
    engine.advance(45 * SECOND)
    assert happened["try"] == tries
    engine.crash_and_restart()
    assert invocation.result() == (500, f"ValueError('try {tries}')")
    assert happened["try"] == tries


@pytest.mark.row("E5")
def test_a_terminal_error_of_a_step_is_its_result(engine: testing.Engine) -> None:
    invocation = engine.send(step_that_refuses)
    engine.crash_and_restart()
    assert invocation.result() == (410, "sold out", {"left": "0"})
    assert happened["refusal"] == 1


@pytest.mark.row("E6")
def test_steps_run_side_by_side(engine: testing.Engine) -> None:
    begun = engine.now
    invocation = engine.send(steps_side_by_side)
    engine.advance(8.5 * SECOND)
    engine.crash_and_restart()
    assert invocation.result() == list(range(5))
    assert engine.now - begun == 18.5 * SECOND
    runs = [happened[f"wait {number}"] for number in range(5)]
    assert runs == [1, 1, 1, 1, 1], "those that had ended are not run again"


@pytest.mark.row("E7")
def test_chance_and_time_are_the_same_in_each_attempt(engine: testing.Engine) -> None:
    begun = engine.now.timestamp()
    invocation, other = engine.send(draw), engine.send(draw)
    engine.crash_and_restart()
    engine.advance(DAY / 2)
    engine.crash_and_restart(power=True)
    first, second = invocation.result(), other.result()
    assert first[3] == second[3] == begun
    assert {*map(str, first)} & {*map(str, second)} == {str(begun)}
    with testing.engine(app) as undisturbed:
        assert undisturbed.send(draw).result()[:3] == first[:3]


@pytest.mark.row("E8")
def test_a_timer_survives_restarts_and_is_never_early(engine: testing.Engine) -> None:
    begun = engine.now
    invocation = engine.send(sleep_for_days, 30)
    for _ in range(3):
        engine.advance(timedelta(days=9))
        engine.crash_and_restart(power=True)
    engine.advance(timedelta(days=3) - timedelta(milliseconds=1))
    assert not invocation.done
    assert invocation.result() == "slept"
    assert engine.now - begun == timedelta(days=30)
    assert engine.call(sleep_for_days, 0) == engine.call(sleep_for_days, -1) == "slept"


@pytest.mark.row("E9", "E10")
def test_a_handler_that_waits_is_suspended_and_goes_on_with_what_comes(engine: testing.Engine) -> None:
    waiting = engine.send(sleep_for_days, 1)
    engine.advance(MINUTE - SECOND)
    assert waiting.status == testing.InvocationStatus("running")
    engine.advance(2 * SECOND)
    assert waiting.status == testing.InvocationStatus("suspended")
    assert happened["attempt"] == 1
    engine.crash_and_restart()
    assert waiting.status == testing.InvocationStatus("suspended")
    assert waiting.result() == "slept"
    assert happened["attempt"] == 2


@pytest.mark.row("E10")
def test_a_handler_has_an_inactivity_timeout_of_its_own(engine: testing.Engine) -> None:
    waiting = engine.send(suspend_at_once)
    for word in ("hello", "world"):
        engine.advance(SECOND)
        assert waiting.status == testing.InvocationStatus("suspended")
        engine.resolve_signal(waiting.id, "word", word)
    assert waiting.result() == ["hello", "world"]
    assert happened["attempt"] == 3


@pytest.mark.row("E11")
def test_an_attempt_that_does_not_suspend_is_aborted_and_made_again(engine: testing.Engine) -> None:
    hanging = engine.send(hang)
    engine.advance(29 * SECOND)
    assert hanging.status == testing.InvocationStatus("running")
    assert hanging.result() == "attempt 2"


@pytest.mark.row("E14", "E15")
def test_effects_happen_once_wherever_the_engine_crashes() -> None:
    def scenario(engine: testing.Engine) -> list[Any]:
        listener = engine.send(suspend_at_once)
        told = engine.call(tell_everybody, listener.id)
        return [told, listener.result()]

    report = testing.replay_everywhere(app, scenario)
    assert report.outcome == [["called"], ["signalled", "again"]]
    assert report.crashes > 60
    with testing.engine(app) as engine:
        scenario(engine)
        counts = {what: engine.state(counter, what) for what in ("sent", "sent later", "called")}
        assert counts == {what: {"count": 1} for what in counts}
