"""Section J of docs/features.md: how long results, journals, state and promises are kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

import odradek
from odradek import testing

SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
CLEANUP = HOUR
"""What is due goes so much later, at most."""

plain = odradek.Service("Plain")
short = odradek.Service("Short", idempotency_retention=2 * HOUR, journal_retention=3 * HOUR)
vote = odradek.Workflow("Vote")
quick = odradek.Workflow("Quick")
calls: list[str] = []


@plain.handler()
async def count(ctx: odradek.Context) -> int:
    calls.append("count")
    return len(calls)


@short.handler()
async def as_the_service(ctx: odradek.Context) -> int:
    calls.append("as_the_service")
    return len(calls)


@short.handler(idempotency_retention=5 * HOUR, journal_retention=HOUR)
async def longer(ctx: odradek.Context) -> int:
    calls.append("longer")
    return len(calls)


@short.handler(journal_retention=timedelta(0))
async def without_journal(ctx: odradek.Context) -> str:
    await ctx.run_typed("step", lambda: None)
    return "done"


@short.handler(idempotency_retention=timedelta(0))
async def without_result(ctx: odradek.Context) -> int:
    calls.append("without_result")
    return len(calls)


@plain.handler()
async def call_them(ctx: odradek.Context) -> list[str]:
    """Without idempotency keys."""
    called = [ctx.service_call(handler, arg=None) for handler in (longer, without_journal)]
    await odradek.gather(*called)
    return [await each.invocation_id() for each in called]


@plain.handler()
async def refuse(ctx: odradek.Context) -> None:
    calls.append("refuse")
    raise odradek.TerminalError("no", 418)


async def run(ctx: odradek.WorkflowContext, name: str) -> str:
    ctx.set("name", name)
    return f"{name} {await ctx.promise('result', type_hint=str)}"


async def decide(ctx: odradek.WorkflowSharedContext, result: str) -> None:
    await ctx.promise("result", type_hint=str).resolve(result)


async def look(ctx: odradek.WorkflowSharedContext) -> list[str | None]:
    return [await ctx.get("name", type_hint=str), await ctx.promise("result", type_hint=str).peek()]


vote.main()(run)
quick.main(workflow_retention=2 * HOUR)(run)
for each in (vote, quick):
    each.handler()(decide)
    each.handler()(look)

app = odradek.app([plain, short, vote, quick])


@pytest.fixture
def engine() -> Iterator[testing.Engine]:
    calls.clear()
    with testing.engine(app) as running:
        yield running


def check_kept(engine: testing.Engine, invocation: testing.Invocation[Any], retention: timedelta) -> None:
    """It is kept for so long, also over a crash, and not much longer."""
    engine.advance(retention - SECOND)
    engine.crash_and_restart(power=True)
    assert invocation.status == testing.InvocationStatus("completed")
    engine.advance(CLEANUP + 2 * SECOND)
    assert invocation.status is None


@pytest.mark.row("J1", "J4", "C8")
@pytest.mark.parametrize(
    ("handler", "retention"), [("Plain/count", DAY), ("Short/as_the_service", 2 * HOUR), ("Short/longer", 5 * HOUR)]
)
def test_an_idempotency_key_is_free_after_its_retention(
    engine: testing.Engine, handler: str, retention: timedelta
) -> None:
    assert engine.call(handler, idempotency_key="k") == 1
    first = engine.send(handler, idempotency_key="k")
    check_kept(engine, first, retention)
    assert engine.call(handler, idempotency_key="other") == 2
    assert engine.call(handler, idempotency_key="k") == 3


@pytest.mark.row("J1")
def test_failures_are_kept_as_well(engine: testing.Engine) -> None:
    for _ in range(2):
        with pytest.raises(odradek.TerminalError, match="no") as refused:
            engine.call(refuse, idempotency_key="k")
        assert refused.value.status_code == 418
    assert calls == ["refuse"]


@pytest.mark.row("J1")
def test_without_retention_nothing_is_kept(engine: testing.Engine) -> None:
    assert [engine.call(without_result, idempotency_key="k") for _ in range(2)] == [1, 2]
    assert engine.send(without_result, idempotency_key="k").status is None


@pytest.mark.row("J2", "J4", "C4", "C6")
@pytest.mark.parametrize(("service", "retention"), [("Vote", DAY), ("Quick", 2 * HOUR)])
def test_a_workflow_is_kept_with_its_state_and_promises(
    engine: testing.Engine, service: str, retention: timedelta
) -> None:
    running = engine.send(f"{service}/run", "first", key="k")
    engine.advance(10 * DAY)
    engine.call(f"{service}/decide", "yes", key="k")
    assert running.result() == "first yes"
    engine.advance(retention - SECOND)
    engine.crash_and_restart(power=True)
    assert engine.call(f"{service}/look", key="k") == ["first", "yes"]
    with pytest.raises(odradek.TerminalError, match="already invoked"):
        engine.call(f"{service}/run", "second", key="k")
    engine.advance(CLEANUP + 2 * SECOND)
    assert engine.call(f"{service}/look", key="k") == [None, None]
    assert engine.state(service, "k") == {}
    again = engine.send(f"{service}/run", "second", key="k")
    assert again.id == running.id
    engine.call(f"{service}/decide", "no", key="k")
    assert again.result() == "second no"


@pytest.mark.row("J3", "J4")
def test_a_journal_goes_before_its_result(engine: testing.Engine) -> None:
    done = engine.send(longer, idempotency_key="k")
    engine.advance(HOUR - SECOND)
    assert [entry.kind for entry in done.journal] == ["Command: Input", "Command: Output"]
    engine.advance(CLEANUP + 2 * SECOND)
    assert done.journal == []
    assert engine.call(longer, idempotency_key="k") == done.result() == 1


@pytest.mark.row("J3")
def test_a_journal_is_not_kept_longer_than_its_result(engine: testing.Engine) -> None:
    done = engine.send(as_the_service, idempotency_key="k")
    engine.advance(2 * HOUR - SECOND)
    assert len(done.journal) == 2
    engine.advance(CLEANUP + 2 * SECOND)
    assert (done.journal, done.status) == ([], None)


@pytest.mark.row("J3")
def test_without_retention_a_journal_is_gone_at_once(engine: testing.Engine) -> None:
    done = engine.send(without_journal, idempotency_key="k")
    assert (done.result(), done.journal) == ("done", [])
    assert done.status == testing.InvocationStatus("completed")


@pytest.mark.row("J3")
def test_a_call_that_nobody_can_ask_for_again_is_kept_for_its_journal(engine: testing.Engine) -> None:
    with_journal, without = (engine.attach(invocation, longer) for invocation in engine.call(call_them))
    assert without.status is None
    check_kept(engine, with_journal, HOUR)
