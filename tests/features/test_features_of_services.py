"""Section C of docs/features.md: services, virtual objects, workflows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

import odradek
from odradek import testing

HOUR = timedelta(hours=1)

parallel = odradek.Service("Parallel")
desk = odradek.VirtualObject("Desk")
eager = odradek.VirtualObject("Eager")
lazy = odradek.VirtualObject("Lazy", enable_lazy_state=True)
order = odradek.Workflow("Order")
hidden = odradek.Service("Hidden", ingress_private=True)


@parallel.handler()
async def wait_an_hour(ctx: odradek.Context) -> str:
    await ctx.sleep(HOUR)
    return "done"


@desk.handler()
async def serve(ctx: odradek.ObjectContext, guest: str) -> list[str]:
    await ctx.sleep(HOUR)
    served = [*(await ctx.get("served", type_hint=list) or []), guest]
    ctx.set("served", served)
    return served


@desk.handler(kind="shared")
async def look(ctx: odradek.ObjectSharedContext) -> list[str] | None:
    return await ctx.get("served", type_hint=list)


@desk.handler(kind="shared")
async def wait_beside(ctx: odradek.ObjectSharedContext) -> str:
    await ctx.sleep(HOUR)
    return ctx.key()


async def write_in_a_minute(ctx: odradek.ObjectContext) -> None:
    await ctx.sleep(timedelta(seconds=20))
    ctx.set("value", 1)


async def look_twice(ctx: odradek.ObjectSharedContext) -> list[object]:
    before = await ctx.get("value", type_hint=int)
    await ctx.sleep(timedelta(seconds=40))
    return [before, await ctx.get("value", type_hint=int), await ctx.state_keys()]


for each in (eager, lazy):
    each.handler("write")(write_in_a_minute)
    each.handler("look", kind="shared")(look_twice)


@order.main()
async def place(ctx: odradek.WorkflowContext, dish: str) -> str:
    ctx.set("dish", dish)
    return f"{dish} paid by {await ctx.promise('payer', type_hint=str)}"


@order.handler()
async def ordered(ctx: odradek.WorkflowSharedContext) -> tuple[str | None, str | None]:
    return await ctx.get("dish", type_hint=str), await ctx.promise("payer", type_hint=str).peek()


@order.handler()
async def pay(ctx: odradek.WorkflowSharedContext, payer: str) -> None:
    await ctx.promise("payer", type_hint=str).resolve(payer)


@hidden.handler()
async def secret(ctx: odradek.Context) -> str:
    return "secret"


@parallel.handler()
async def ask_for_the_secret(ctx: odradek.Context) -> str:
    return await ctx.service_call(secret, arg=None)


@parallel.handler()
async def order_twice(ctx: odradek.Context, key: str) -> tuple[bool, int, str]:
    first, second = (ctx.workflow_send(place, key=key, arg=dish) for dish in ("soup", "cake"))
    same = await first.invocation_id() == await second.invocation_id()
    try:
        await ctx.workflow_call(place, key=key, arg="bread", idempotency_key="which changes nothing")
    except odradek.TerminalError as error:
        return same, error.status_code, error.message
    raise AssertionError("it ran twice")


app = odradek.app([parallel, desk, eager, lazy, order, hidden])


@pytest.fixture
def engine() -> Iterator[testing.Engine]:
    with testing.engine(app) as running:
        yield running


@pytest.mark.row("C1")
def test_invocations_of_a_service_do_not_wait_for_each_other(engine: testing.Engine) -> None:
    begun = engine.now
    assert [each.result() for each in [engine.send(wait_an_hour) for _ in range(50)]] == ["done"] * 50
    assert engine.now - begun == HOUR


@pytest.mark.row("C2")
def test_an_exclusive_handler_serves_one_at_a_time_in_order(engine: testing.Engine) -> None:
    begun = engine.now
    guests = [engine.send(serve, guest, key="front") for guest in ("ada", "bob", "eve")]
    elsewhere = engine.send(serve, "zoe", key="back")
    assert [each.status and each.status.state for each in guests] == ["running", "pending", "pending"]
    assert elsewhere.result() == ["zoe"]
    assert engine.now - begun == HOUR
    assert [each.result() for each in guests] == [["ada"], ["ada", "bob"], ["ada", "bob", "eve"]]
    assert engine.now - begun == 3 * HOUR


@pytest.mark.row("C2")
def test_a_queue_survives_a_crash(engine: testing.Engine) -> None:
    guests = [engine.send(serve, guest, key="front") for guest in ("ada", "bob", "eve")]
    engine.crash_and_restart(power=True)
    assert guests[2].result() == ["ada", "bob", "eve"]


@pytest.mark.row("C2")
def test_the_next_one_is_served_when_the_first_is_killed(engine: testing.Engine) -> None:
    first, second = engine.send(serve, "ada", key="front"), engine.send(serve, "bob", key="front")
    first.kill()
    assert second.result() == ["bob"]


@pytest.mark.row("C3")
def test_shared_handlers_run_beside_the_exclusive_one_and_each_other(engine: testing.Engine) -> None:
    engine.call(serve, "ada", key="front")
    begun = engine.now
    holding = engine.send(serve, "bob", key="front")
    beside = [engine.send(wait_beside, key="front") for _ in range(3)]
    assert engine.call(look, key="front") == ["ada"]
    assert engine.now == begun
    assert [each.result() for each in beside] == ["front"] * 3
    assert holding.result() == ["ada", "bob"]
    assert engine.now - begun == HOUR


@pytest.mark.row("C3", "C9")
@pytest.mark.parametrize(
    ("service", "seen"),
    [("Eager", [None, None, []]), ("Lazy", [None, 1, ["value"]])],
    ids=["as_it_was", "as_it_is"],
)
def test_what_a_shared_handler_sees_of_later_writes(engine: testing.Engine, service: str, seen: list[object]) -> None:
    """The whole state comes with the start, unless it is asked for bit by bit."""
    looking = engine.send(f"{service}/look", key="k")
    writing = engine.send(f"{service}/write", key="k")
    assert looking.result() == seen
    assert writing.done
    assert engine.call(f"{service}/look", key="k") == [1, 1, ["value"]]


@pytest.mark.row("C4", "C5")
def test_a_workflow_runs_once_for_its_key(engine: testing.Engine) -> None:
    running = engine.send(place, "soup", key="table 1")
    assert engine.send(place, "cake", key="table 1").id == running.id
    engine.settle()
    refuse_second_run(engine)
    engine.call(pay, "ada", key="table 1")
    assert running.result() == "soup paid by ada"
    refuse_second_run(engine)


def refuse_second_run(engine: testing.Engine) -> None:
    with pytest.raises(odradek.TerminalError, match="the workflow method was already invoked") as refused:
        engine.call(place, "cake", key="table 1")
    assert refused.value.status_code == 409


@pytest.mark.row("C5")
def test_a_handler_that_runs_a_workflow_again(engine: testing.Engine) -> None:
    assert engine.call(order_twice, "table 2") == (True, 409, "the workflow method was already invoked")
    engine.call(pay, "bob", key="table 2")
    assert engine.attach(engine.send(place, "cake", key="table 2").id, place).result() == "soup paid by bob"


@pytest.mark.row("C6")
def test_shared_handlers_of_a_workflow_before_during_and_after_its_run(engine: testing.Engine) -> None:
    assert engine.call(ordered, key="table 3") == (None, None)
    running = engine.send(place, "soup", key="table 3")
    assert engine.call(ordered, key="table 3") == ("soup", None)
    engine.call(pay, "eve", key="table 3")
    assert running.done
    assert engine.call(ordered, key="table 3") == ("soup", "eve")


@pytest.mark.row("C7")
def test_a_private_service_can_be_called_by_handlers(engine: testing.Engine) -> None:
    assert engine.call(ask_for_the_secret) == "secret"


@pytest.mark.row("C7")
def test_a_private_service_has_no_public_handler() -> None:
    half = odradek.Service("Half", ingress_private=True)

    @half.handler(ingress_private=False)
    async def public(ctx: odradek.Context) -> None: ...

    with pytest.raises(Exception, match="Half/public is public, but the service Half is private"):
        testing.engine(odradek.app([half]))
