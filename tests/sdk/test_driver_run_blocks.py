"""Run blocks: results, retries by policy, what may be an action, and replays."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from fake_engine import FakeEngine, run

import odradek
from odradek.driver.run_block import RunRetryPolicy
from odradek.protocol.messages import (
    Entry,
    Error,
    Failure,
    OutputCommand,
    ProposeRunCompletion,
    RunCommand,
    RunCompletion,
)


class Broken:
    """An action that counts its calls and always fails."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.calls = 0
        self.error = error or ValueError("boom")

    async def __call__(self) -> str:
        self.calls += 1
        raise self.error


def engine(action: Any, options: odradek.RunOptions[Any] | None = None, journal: tuple[Entry, ...] = ()) -> FakeEngine:
    service = odradek.Service("Svc")

    @service.handler()
    async def handler(ctx: odradek.Context) -> Any:
        return await ctx.run_typed("step", action, options or odradek.RunOptions())

    return FakeEngine(odradek.app([service]), "Svc/handler", journal=journal)


def test_completed_block_is_not_run_again() -> None:
    async def test() -> None:
        broken = Broken()
        made = engine(broken, journal=(RunCommand(1, "step"), RunCompletion(1, b'"stored"')))
        assert (await made.output()).value == b'"stored"'
        assert broken.calls == 0

    run(test)


def test_failed_block_raises_again_on_replay() -> None:
    async def test() -> None:
        failure = Failure(418, "no", (("a", "b"),))
        made = engine(Broken(), journal=(RunCommand(1, "step"), RunCompletion(1, None, failure)))
        assert (await made.output()).failure == failure

    run(test)


def test_declared_block_without_a_result_is_run() -> None:
    async def test() -> None:
        async def action() -> str:
            return "now"

        made = engine(action, journal=(RunCommand(1, "step"),))
        assert (await made.output()).value == b'"now"'
        assert made.sends[0] == [ProposeRunCompletion(1, b'"now"')]

    run(test)


def test_failure_without_policy_leaves_the_delay_to_the_engine() -> None:
    async def test() -> None:
        made = engine(Broken())
        last = await made.finish()
        assert isinstance(last, Error)
        assert (last.code, last.message, last.next_retry_delay) == (500, "ValueError('boom')", None)
        assert (last.related_command_index, last.related_command_name, last.related_command_type) == (1, "step", 0x411)
        assert "ValueError: boom" in last.stacktrace
        assert made.sent[0] == RunCommand(1, "step")

    run(test)


@pytest.mark.parametrize(("retries", "delay"), [(0, 100), (1, 300), (2, 900), (3, 1000), (5000, 1000)])
def test_delay_grows_by_the_policy(retries: int, delay: int) -> None:
    async def test() -> None:
        options: odradek.RunOptions[Any] = odradek.RunOptions(
            initial_retry_interval=timedelta(milliseconds=100),
            retry_interval_factor=3,
            max_retry_interval=timedelta(seconds=1),
        )
        made = engine(Broken(), options, (RunCommand(1, "step"),))
        made.retries = retries
        last = await made.finish()
        assert isinstance(last, Error)
        assert last.next_retry_delay == delay

    run(test)


def test_defaults_of_a_policy_that_names_only_a_limit() -> None:
    policy = RunRetryPolicy(max_attempts=100)
    assert [policy.delay_ms(n) for n in (1, 2, 3, 50)] == [50, 100, 200, 10_000]


@pytest.mark.parametrize(("retries", "exhausted"), [(1, False), (2, True), (3, True)])
def test_max_attempts_counts_the_first(retries: int, exhausted: bool) -> None:
    async def test() -> None:
        made = engine(Broken(), odradek.RunOptions(max_attempts=3), (RunCommand(1, "step"),))
        made.retries = retries
        if exhausted:
            assert (await made.output()).failure == Failure(500, "ValueError('boom')")
            assert made.sent[0] == ProposeRunCompletion(1, None, Failure(500, "ValueError('boom')"))
        else:
            assert isinstance(await made.finish(), Error)

    run(test)


@pytest.mark.parametrize("field", ["max_duration", "max_retry_duration"])
@pytest.mark.parametrize(("spent_ms", "exhausted"), [(999, False), (1000, True)])
def test_max_duration(field: str, spent_ms: int, exhausted: bool) -> None:
    async def test() -> None:
        options: odradek.RunOptions[Any] = odradek.RunOptions(**{field: timedelta(seconds=1)})  # type: ignore[arg-type]
        made = engine(Broken(), options, (RunCommand(1, "step"),))
        made.retries, made.retry_duration_ms = 4, spent_ms
        last = await made.finish()
        assert isinstance(last, Error) is not exhausted

    run(test)


def test_duration_includes_the_attempt_itself() -> None:
    async def test() -> None:
        async def slow() -> None:
            made.environment.now += 1000
            raise ValueError

        made = engine(slow, odradek.RunOptions(max_duration=timedelta(seconds=1)))
        assert (await made.output()).failure is not None

    run(test)


def test_counts_of_earlier_attempts_do_not_concern_a_new_block() -> None:
    async def test() -> None:
        made = engine(Broken(), odradek.RunOptions(max_attempts=2))
        made.retries = 5
        assert isinstance(await made.finish(), Error)

    run(test)


def test_terminal_error_is_not_retried() -> None:
    async def test() -> None:
        made = engine(Broken(odradek.TerminalError("no", 404, {"k": "v"})), odradek.RunOptions(max_attempts=9))
        assert (await made.output()).failure == Failure(404, "no", (("k", "v"),))

    run(test)


def test_retryable_error_overrides_the_delay_but_not_the_limit() -> None:
    async def test() -> None:
        error = odradek.RetryableError("busy", 503, timedelta(seconds=7))
        last = await engine(Broken(error)).finish()
        assert isinstance(last, Error)
        assert (last.code, last.message, last.next_retry_delay) == (503, "busy", 7000)
        made = engine(Broken(error), odradek.RunOptions(max_attempts=1))
        assert (await made.output()).failure == Failure(500, "busy")

    run(test)


@pytest.mark.parametrize("error", [asyncio.CancelledError(), SystemExit(1), BaseException("x")])
def test_any_exception_of_an_action_fails_the_attempt(error: BaseException) -> None:
    async def test() -> None:
        last = await engine(Broken(error)).finish()
        assert isinstance(last, Error)
        assert last.message == repr(error)

    run(test)


def test_result_that_cannot_be_serialized() -> None:
    async def test() -> None:
        async def action() -> object:
            return object()

        last = await engine(action).finish()
        assert isinstance(last, Error)
        assert "run 'step' returned a value of type object" in last.message

    run(test)


def test_several_blocks_may_fail_and_succeed_together() -> None:
    service = odradek.Service("Svc")

    async def ok() -> int:
        return 1

    @service.handler()
    async def handler(ctx: odradek.Context) -> list[str]:
        futures: list[odradek.RestateDurableFuture[Any]] = [
            ctx.run_typed("ok", ok),
            ctx.run_typed("bad", Broken(odradek.TerminalError("bad"))),
        ]
        results = []
        async for future in odradek.as_completed(*futures):
            try:
                results.append(str(await future))
            except odradek.TerminalError as error:
                results.append(error.message)
        return results

    async def test() -> None:
        made = FakeEngine(odradek.app([service]), "Svc/handler")
        assert (await made.output()).value == b'["1","bad"]'

    run(test)


def test_failure_of_a_block_that_lost_a_race_does_not_wait_for_the_handler() -> None:
    async def test() -> None:
        gate = asyncio.Event()
        stopped: list[str] = []
        service = odradek.Service("Svc")

        async def later() -> None:
            await gate.wait()
            raise ValueError("late")

        @service.handler()
        async def handler(ctx: odradek.Context) -> None:
            winner = await odradek.select(block=ctx.run_typed("late", later), timer=ctx.sleep(timedelta(seconds=1)))
            assert winner == ["timer", None]
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                stopped.append("handler")
                raise

        made = FakeEngine(odradek.app([service]), "Svc/handler")
        made.start()
        await made.settle()
        assert made.last is None
        gate.set()
        await made.until(lambda: made.last)
        assert isinstance(made.last, Error)
        assert made.last.message == "ValueError('late')"
        await made.settle()
        assert stopped == ["handler"]

    run(test)


class Actions:
    async def method(self) -> str:
        return "method"

    def plain(self) -> str:
        return "plain"


async def add(a: int, b: int = 0) -> int:
    return a + b


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (Actions().method, b'"method"'),
        (Actions().plain, b'"plain"'),
        (partial(add, 1, b=2), b"3"),
        (partial(max, 1, 2), b"2"),
        (lambda: add(1, 1), b"2"),
        (dict, b"{}"),
    ],
)
def test_what_may_be_an_action(action: Callable[[], Any], expected: bytes) -> None:
    async def test() -> None:
        assert (await engine(action).output()).value == expected

    run(test)


def test_arguments_of_both_spellings() -> None:
    service = odradek.Service("Svc")

    @service.handler()
    async def handler(ctx: odradek.Context) -> int:
        first = await ctx.run("a", add, args=(1, 2))
        return await ctx.run_typed("b", add, odradek.RunOptions(), first, b=4)

    async def test() -> None:
        made = FakeEngine(odradek.app([service]), "Svc/handler")
        assert await made.output() == OutputCommand(b"7")

    run(test)


def test_contextvars_reach_actions_in_threads() -> None:
    from odradek.extensions import current_context

    async def test() -> None:
        made = engine(lambda: current_context() is not None)
        assert (await made.output()).value == b"true"

    run(test)
