"""Section H of docs/features.md: what follows an error. What SQL shows of it is in the live tests."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise

import pytest

import odradek
from odradek import testing

MILLISECOND, SECOND, HOUR = timedelta(milliseconds=1), timedelta(seconds=1), timedelta(hours=1)
FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS = 0.5, 60.0
JITTER = 0.3
DEFAULT_ATTEMPTS = 70

unset = odradek.Service("Unset")
given = odradek.Service(
    "Given",
    invocation_retry_policy=odradek.InvocationRetryPolicy(
        initial_interval=10 * SECOND, exponentiation_factor=1, max_attempts=4, on_max_attempts="kill"
    ),
)
box = odradek.VirtualObject("Box", invocation_retry_policy=odradek.InvocationRetryPolicy(max_attempts=2))
attempts: list[float] = []
"""When each attempt began, in seconds."""


def begin_attempt() -> int:
    attempts.append(asyncio.get_running_loop().time())
    return len(attempts)


def delays() -> list[float]:
    return [later - earlier for earlier, later in pairwise(attempts)]


@unset.handler()
async def fail(ctx: odradek.Context, times: int) -> int:
    if begin_attempt() <= times:
        raise ValueError(f"attempt {len(attempts)}")
    return len(attempts)


@given.handler()
async def as_the_service(ctx: odradek.Context) -> None:
    begin_attempt()
    raise ValueError("no")


@given.handler(
    invocation_retry_policy=odradek.InvocationRetryPolicy(
        exponentiation_factor=3, max_interval=20 * SECOND, on_max_attempts="pause"
    )
)
async def otherwise(ctx: odradek.Context) -> None:
    begin_attempt()
    raise ValueError("no")


@given.handler()
async def refuse(ctx: odradek.Context) -> None:
    begin_attempt()
    raise odradek.TerminalError("no tea", 418, {"shelf": "3"})


@given.handler()
async def pass_on(ctx: odradek.Context) -> None:
    await ctx.service_call(refuse, arg=None)


@given.handler()
async def ask_for_time(ctx: odradek.Context) -> int:
    """More attempts than the policy has, each with a delay of the handler's own."""
    if begin_attempt() <= 10:
        raise odradek.RetryableError("busy", 503, retry_after=7 * SECOND)
    return len(attempts)


@box.handler(kind="shared")
async def write(ctx: odradek.ObjectContext) -> None:
    ctx.set("a", 1)


@box.handler()
async def add(ctx: odradek.ObjectContext) -> int:
    count = (await ctx.get("count", type_hint=int) or 0) + 1
    ctx.set("count", count)
    return count


@box.handler()
async def promise_something(ctx: odradek.WorkflowContext) -> None:
    ctx.promise("a")


@unset.handler()
async def keep_state(ctx: odradek.ObjectContext) -> None:
    ctx.set("a", 1)


app = odradek.app([unset, given, box])


@pytest.fixture
def engine() -> Iterator[testing.Engine]:
    attempts.clear()
    with testing.engine(app) as running:
        yield running


def check_delays(found: list[float], bases: list[float]) -> None:
    assert len(found) == len(bases)
    for delay, base in zip(found, bases, strict=True):
        assert base <= delay <= base * (1 + JITTER) + 0.001
    assert len(bases) < 4 or len({delay / base for delay, base in zip(found, bases, strict=True)}) > 1


@pytest.mark.row("H1")
def test_failed_attempts_are_repeated_more_and_more_slowly(engine: testing.Engine) -> None:
    assert engine.call(fail, 11) == 12
    check_delays(delays(), [min(FIRST_RETRY_SECONDS * 2**number, LONGEST_RETRY_SECONDS) for number in range(11)])


@pytest.mark.row("H1")
def test_a_restart_neither_forgets_nor_hurries_a_retry(engine: testing.Engine) -> None:
    failing = engine.send(fail, 8)
    for _ in range(4):
        engine.crash_and_restart(power=True)
    assert failing.result() == 9
    check_delays(delays(), [min(FIRST_RETRY_SECONDS * 2**number, LONGEST_RETRY_SECONDS) for number in range(8)])


@pytest.mark.row("H2")
def test_the_last_of_many_attempts_pauses(engine: testing.Engine) -> None:
    failing = engine.send(fail, DEFAULT_ATTEMPTS + 1)
    engine.advance(3 * HOUR)
    assert failing.status == testing.InvocationStatus("paused", 0, f"ValueError('attempt {DEFAULT_ATTEMPTS}')")
    assert len(attempts) == DEFAULT_ATTEMPTS
    engine.crash_and_restart(power=True)
    engine.advance(3 * HOUR)
    assert len(attempts) == DEFAULT_ATTEMPTS
    failing.resume()
    assert failing.result() == DEFAULT_ATTEMPTS + 2


@pytest.mark.row("H2", "I3")
def test_cancelling_wakes_a_paused_invocation(engine: testing.Engine) -> None:
    failing = engine.send(fail, DEFAULT_ATTEMPTS)
    engine.advance(3 * HOUR)
    failing.cancel()
    assert failing.result() == DEFAULT_ATTEMPTS + 1


@pytest.mark.row("C8", "H3", "H4")
def test_the_services_policy_counts_where_the_handler_has_none(engine: testing.Engine) -> None:
    with pytest.raises(odradek.TerminalError, match=r"ValueError\('no'\)") as killed:
        engine.call(as_the_service)
    assert killed.value.status_code == 500
    check_delays(delays(), [10.0] * 3)


@pytest.mark.row("C8", "H4")
def test_a_handlers_policy_is_merged_into_its_services(engine: testing.Engine) -> None:
    failing = engine.send(otherwise)
    engine.advance(HOUR)
    assert failing.status == testing.InvocationStatus("paused", 0, "ValueError('no')")
    check_delays(delays(), [10.0, 20.0, 20.0])


@pytest.mark.row("H5", "H6")
def test_a_terminal_error_is_not_retried_and_reaches_the_first_caller(engine: testing.Engine) -> None:
    begun = engine.now
    with pytest.raises(odradek.TerminalError, match="no tea") as refused:
        engine.call(pass_on)
    assert (refused.value.status_code, refused.value.metadata) == (418, {"shelf": "3"})
    assert (len(attempts), engine.now) == (1, begun)


@pytest.mark.row("H7")
def test_delays_of_the_handlers_own_are_kept_and_not_counted(engine: testing.Engine) -> None:
    assert engine.call(ask_for_time) == 11
    assert delays() == pytest.approx([7.0] * 10)


@pytest.mark.row("H13")
@pytest.mark.parametrize(
    ("handler", "key", "parts"),
    [
        ("Box/write", "k", ["Box/write", "ctx.set", "shared handler", "exclusive"]),
        ("Box/promise_something", "k", ["Box/promise_something", "ctx.promise", "Workflow"]),
        ("Unset/keep_state", None, ["Unset/keep_state", "ctx.set", "VirtualObject"]),
    ],
)
def test_misuse_is_told_and_hurts_nobody_else(
    engine: testing.Engine, handler: str, key: str | None, parts: list[str]
) -> None:
    misused = engine.send(handler, key=key)
    assert engine.call(add, key="another") == 1
    status = misused.status
    assert status is not None
    assert status.state == "backing-off"
    assert all(part in (status.last_failure or "") for part in parts)
    misused.kill()
    assert engine.call(add, key="k") == 1
    assert engine.state(box, "k") == {"count": 1}
