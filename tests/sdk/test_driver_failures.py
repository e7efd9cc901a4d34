"""What fails an attempt, and what fails the invocation."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from fake_engine import FakeEngine, run

import odradek
from odradek.protocol.messages import (
    Entry,
    Error,
    Failure,
    OutputCommand,
    RunCommand,
    RunCompletion,
    SleepCommand,
    SleepCompletion,
)


def service(function: Any) -> odradek.Application:
    made = odradek.Service("Svc")
    made.handler()(function)
    return odradek.app([made])


def engine(function: Any, journal: list[Entry] | None = None) -> FakeEngine:
    return FakeEngine(service(function), f"Svc/{function.__name__}", journal=journal or ())


@pytest.mark.parametrize(
    "error", [ValueError("boom"), SystemExit(3), asyncio.CancelledError("foreign"), BaseException("base")]
)
def test_exceptions_fail_the_attempt(error: BaseException) -> None:
    async def handler(ctx: odradek.Context) -> None:
        await ctx.run_typed("step", lambda: 1)
        raise error

    async def test() -> None:
        last = await engine(handler).finish()
        assert isinstance(last, Error)
        assert last.code == 500
        assert last.message == repr(error)
        assert "raise error" in last.stacktrace
        assert (last.related_command_index, last.related_command_name) == (1, "step")
        assert last.next_retry_delay is None

    run(test)


def test_terminal_error_is_the_output() -> None:
    async def handler(ctx: odradek.Context) -> None:
        raise odradek.TerminalError("not found", 404, {"a": "b"})

    async def test() -> None:
        output = await engine(handler).output()
        assert output == OutputCommand(None, Failure(404, "not found", (("a", "b"),)))

    run(test)


def test_exception_raised_from_a_terminal_error_is_terminal() -> None:
    async def handler(ctx: odradek.Context) -> None:
        try:
            raise odradek.TerminalError("inner", 400)
        except odradek.TerminalError as error:
            raise ValueError("outer") from error

    async def test() -> None:
        assert (await engine(handler).output()).failure == Failure(400, "inner")

    run(test)


def test_retryable_error_sets_the_delay() -> None:
    async def handler(ctx: odradek.Context) -> None:
        raise odradek.RetryableError("later", 503, timedelta(seconds=2))

    async def test() -> None:
        last = await engine(handler).finish()
        assert isinstance(last, Error)
        assert (last.code, last.message, last.next_retry_delay) == (503, "later", 2000)

    run(test)


def test_invalid_input_is_terminal_and_the_handler_does_not_run() -> None:
    async def handler(ctx: odradek.Context, number: int) -> None:
        raise AssertionError("ran")

    async def test() -> None:
        for body in (b'"text"', b"{", b"\xff"):
            made = FakeEngine(service(handler), "Svc/handler", body)
            output = await made.output()
            assert output.failure is not None
            assert output.failure.code == 400
            assert "Svc/handler got an invalid input" in output.failure.message

    run(test)


@pytest.mark.parametrize(("result", "hint"), [(object(), "another output_serde"), (b"raw", "BytesSerde")])
def test_result_that_cannot_be_serialized(result: Any, hint: str) -> None:
    async def handler(ctx: odradek.Context) -> Any:
        return result

    async def test() -> None:
        last = await engine(handler).finish()
        assert isinstance(last, Error)
        assert f"value of type {type(result).__name__}" in last.message
        assert hint in last.message

    run(test)


def test_returned_coroutine() -> None:
    async def handler(ctx: odradek.Context) -> Any:
        return ctx.sleep(timedelta(seconds=1))

    async def test() -> None:
        last = await engine(handler).finish()
        assert isinstance(last, Error)
        assert "should have awaited" in last.message

    run(test)


def test_journal_mismatch() -> None:
    async def handler(ctx: odradek.Context) -> None:
        await ctx.run_typed("new", lambda: 1)

    async def test() -> None:
        made = engine(handler, [RunCommand(1, "old"), RunCompletion(1, b"1")])
        last = await made.finish()
        assert isinstance(last, Error)
        assert last.code == 570
        assert made.sent == [last]

    run(test)


def test_mismatch_that_the_handler_swallows_still_fails_the_attempt() -> None:
    async def handler(ctx: odradek.Context) -> str:
        try:
            await ctx.run_typed("new", lambda: 1)
        except BaseException:
            return "swallowed"
        return "ok"

    async def test() -> None:
        last = await engine(handler, [RunCommand(1, "old")]).finish()
        assert isinstance(last, Error)
        assert last.code == 570

    run(test)


def test_missing_answer_during_replay() -> None:
    async def handler(ctx: odradek.Context) -> None:
        await ctx.sleep(timedelta(seconds=1))
        await ctx.sleep(timedelta(seconds=1))

    async def test() -> None:
        made = engine(handler, [SleepCommand(1, 1), SleepCommand(1, 2), SleepCompletion(2)])
        last = await made.finish()
        assert isinstance(last, Error)
        assert last.code == 570
        assert "await of a sleep, which is not there" in last.message

    run(test)
