"""Section D of docs/features.md: the state of objects, as handlers use it. What operators do is in the live tests."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

import odradek
from odradek import testing
from odradek.serde import BytesSerde

MIB = 1024 * 1024
EAGER_MIB = 32

box = odradek.VirtualObject("Box")
attempts: list[str] = []


@box.handler()
async def change(ctx: odradek.ObjectContext) -> list[Any]:
    seen: list[Any] = [await ctx.state_keys()]
    ctx.set("b", {"deep": [1]})
    ctx.set("a", "ä")
    ctx.set("", None)
    seen += [await ctx.get("b"), await ctx.get("a"), await ctx.get(""), await ctx.state_keys()]
    ctx.clear("b")
    seen += [await ctx.get("b"), await ctx.state_keys()]
    return seen


@box.handler()
async def empty(ctx: odradek.ObjectContext) -> list[Any]:
    ctx.clear_all()
    seen = [await ctx.state_keys(), await ctx.get("a")]
    ctx.set("c", 1)
    return [*seen, await ctx.state_keys()]


@box.handler()
async def count_and_wait(ctx: odradek.ObjectContext) -> int:
    count = (await ctx.get("count", type_hint=int) or 0) + 1
    ctx.set("count", count)
    await ctx.sleep(timedelta(hours=1))
    assert await ctx.get("count") == count
    return count


@box.handler()
async def put(ctx: odradek.ObjectContext, size: int) -> None:
    ctx.set(f"{len(await ctx.state_keys()):02}", bytes(size), BytesSerde())


@box.handler()
async def measure(ctx: odradek.ObjectContext) -> list[int]:
    names = await ctx.state_keys()
    return [len(await ctx.get(name, BytesSerde()) or b"") for name in names]


@box.handler()
async def fail_after_writing(ctx: odradek.ObjectContext, how: str) -> None:
    attempts.append(how)
    ctx.set("kept", how)
    if how == "terminal":
        raise odradek.TerminalError("no")
    if how == "twice" and attempts.count(how) < 3:
        raise ValueError("not yet")
    if how != "twice":
        await ctx.sleep(timedelta(days=1))


app = odradek.app([box])


@pytest.fixture
def engine() -> Iterator[testing.Engine]:
    attempts.clear()
    with testing.engine(app) as running:
        yield running


@pytest.mark.row("D1", "D2")
def test_a_handler_reads_its_own_writes(engine: testing.Engine) -> None:
    assert engine.call(change, key="k") == [[], {"deep": [1]}, "ä", None, ["", "a", "b"], None, ["", "a"]]
    assert engine.state("Box", "k") == {"": None, "a": "ä"}
    assert engine.call(empty, key="k") == [[], None, ["c"]]
    assert engine.state("Box", "k") == {"c": 1}
    assert engine.state("Box", "other") == {}


@pytest.mark.row("D1")
def test_writes_are_as_durable_as_the_journal() -> None:
    def scenario(engine: testing.Engine) -> list[int]:
        return [engine.call(count_and_wait, key="k") for _ in range(2)]

    report = testing.replay_everywhere(app, scenario)
    assert report.outcome == [1, 2]


@pytest.mark.row("D3")
def test_state_beyond_what_comes_with_the_start_is_asked_for(engine: testing.Engine) -> None:
    def reads_of(invocation: testing.Invocation[Any]) -> list[str]:
        return [entry.kind for entry in invocation.journal if entry.kind.startswith("Command: Get")]

    small = engine.send(measure, key="small")
    assert small.result() == []
    for _ in range(EAGER_MIB + 2):
        engine.call(put, MIB, key="large")
    large = engine.send(measure, key="large")
    assert large.result() == [MIB] * (EAGER_MIB + 2)
    assert reads_of(small) == ["Command: GetEagerStateKeys"]
    kinds = reads_of(large)
    assert kinds[0] == "Command: GetLazyStateKeys"
    assert set(kinds[1:EAGER_MIB]) == {"Command: GetEagerState"}
    assert set(kinds[-2:]) == {"Command: GetLazyState"}


@pytest.mark.row("D4")
def test_what_was_written_before_a_failure_stays(engine: testing.Engine) -> None:
    with pytest.raises(odradek.TerminalError, match="no"):
        engine.call(fail_after_writing, "terminal", key="terminal")
    assert engine.state("Box", "terminal") == {"kept": "terminal"}
    killed = engine.send(fail_after_writing, "killed", key="killed")
    killed.kill()
    assert engine.state("Box", "killed") == {"kept": "killed"}
    cancelled = engine.send(fail_after_writing, "cancelled", key="cancelled")
    cancelled.cancel()
    assert engine.state("Box", "cancelled") == {"kept": "cancelled"}


@pytest.mark.row("D4")
def test_what_a_failed_attempt_wrote_is_replayed_by_the_next(engine: testing.Engine) -> None:
    retried = engine.send(fail_after_writing, "twice", key="k")
    assert engine.state("Box", "k") == {"kept": "twice"}
    assert retried.result() is None
    assert attempts == ["twice"] * 3
    assert [entry.kind for entry in retried.journal].count("Command: SetState") == 1
