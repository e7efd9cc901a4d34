"""Section F of docs/features.md: handlers that call other handlers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

import odradek
from odradek import testing
from odradek.serde import BytesSerde

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
UNKNOWN = "inv_1gdJBtdVEcM942bjcDmb1c1khoaJe11Hbz"

callers = odradek.Service("Callers")
callees = odradek.Service("Callees")
lists = odradek.VirtualObject("Lists")


async def outcome_of(future: Any) -> dict[str, Any]:
    """A value, or all that a terminal error says."""
    try:
        return {"value": await future}
    except odradek.TerminalError as error:
        return {"code": error.status_code, "message": error.message, "metadata": error.metadata}


@callees.handler()
async def echo(ctx: odradek.Context, value: Any) -> Any:
    return value


@callees.handler()
async def refuse(ctx: odradek.Context, reason: str) -> None:
    raise odradek.TerminalError(reason, 418, {"shelf": "3"})


@callees.handler()
async def headers(ctx: odradek.Context) -> dict[str, str]:
    return dict(ctx.request().headers)


@callees.handler(accept="*/*", input_serde=BytesSerde(), output_serde=BytesSerde())
async def shout(ctx: odradek.Context, raw: bytes) -> bytes:
    return raw.upper()


@callees.handler()
async def wait_an_hour(ctx: odradek.Context) -> str:
    await ctx.sleep(HOUR)
    return "done"


@lists.handler()
async def append(ctx: odradek.ObjectContext, item: str) -> list[str]:
    items = [*(await ctx.get("items", type_hint=list) or []), item]
    ctx.set("items", items)
    return items


@lists.handler()
async def append_in_an_hour(ctx: odradek.ObjectContext, item: str) -> None:
    await ctx.sleep(HOUR)
    ctx.set("items", [*(await ctx.get("items", type_hint=list) or []), item])


@callers.handler()
async def call(ctx: odradek.Context, value: Any) -> list[Any]:
    answered = await outcome_of(ctx.service_call(echo, arg=value))
    refused = await outcome_of(ctx.service_call(refuse, arg="no tea"))
    return [answered, refused]


@callers.handler()
async def send_and_fail(ctx: odradek.Context) -> None:
    ctx.service_send(refuse, arg="nobody hears")
    ctx.object_send(append_in_an_hour, key="sent", arg="x")
    await ctx.sleep(SECOND)
    raise odradek.TerminalError("failed after all")


@callers.handler()
async def send_later(ctx: odradek.Context, hours: float) -> str:
    return await ctx.object_send(append, key="later", arg="x", send_delay=timedelta(hours=hours)).invocation_id()


@callers.handler()
async def call_with_key(ctx: odradek.Context, idempotency_key: str) -> list[Any]:
    first = ctx.object_call(append, key="once", arg="first", idempotency_key=idempotency_key)
    second = ctx.object_call(append, key="once", arg="second", idempotency_key=idempotency_key)
    sent = ctx.object_send(append, key="once", arg="third", idempotency_key=idempotency_key)
    ids = {await first.invocation_id(), await second.invocation_id(), await sent.invocation_id()}
    return [await first, await second, len(ids)]


@callers.handler()
async def call_with_headers(ctx: odradek.Context) -> list[dict[str, str]]:
    given = await ctx.service_call(headers, arg=None, headers={"x-given": "1"})
    return [dict(ctx.request().headers), given, await ctx.service_call(headers, arg=None)]


@callers.handler()
async def id_of_a_call(ctx: odradek.Context) -> str:
    called = ctx.service_call(wait_an_hour, arg=None)
    invocation = await called.invocation_id()
    ctx.object_send(append, key="ids", arg=invocation)
    await called
    return invocation


@callers.handler()
async def call_by_name(ctx: odradek.Context) -> list[str]:
    raw = await ctx.generic_call("Callees", "shout", b"raw bytes")
    await ctx.generic_call("Lists", "append", b'"typed"', key="k")
    ctx.generic_send("Lists", "append", b'"sent"', key="k", send_delay=HOUR)
    return [raw.decode()]


@callers.handler()
async def call_and_send_in_order(ctx: odradek.Context, key: str) -> list[str]:
    for number in range(10):
        if number % 3:
            ctx.object_send(append, key=key, arg=str(number))
        else:
            ctx.object_call(append, key=key, arg=str(number))
    return await ctx.object_call(append, key=key, arg="last")


@callers.handler()
async def attach(ctx: odradek.Context, invocation: str) -> dict[str, Any]:
    return await outcome_of(ctx.attach_invocation(invocation))


@callers.handler()
async def cancel(ctx: odradek.Context, invocation: str) -> None:
    ctx.cancel_invocation(invocation)


@callers.handler()
async def cancel_what_waits(ctx: odradek.Context) -> list[Any]:
    scheduled = ctx.service_send(wait_an_hour, arg=None, send_delay=HOUR)
    ctx.object_send(append_in_an_hour, key="busy", arg="x")
    queued = ctx.object_call(append, key="busy", arg="y")
    for handle in (scheduled, queued):
        ctx.cancel_invocation(await handle.invocation_id())
    return [await outcome_of(ctx.attach_invocation(await scheduled.invocation_id())), await outcome_of(queued)]


@callers.handler()
async def call_nobody(ctx: odradek.Context, name: str) -> None:
    await ctx.generic_call(*name.split("/"), b"")


app = odradek.app([callers, callees, lists])


@pytest.fixture
def engine() -> Iterator[testing.Engine]:
    with testing.engine(app) as running:
        yield running


@pytest.mark.row("F1", "H6")
def test_a_call_gives_the_callees_result_or_its_failure(engine: testing.Engine) -> None:
    refused = {"code": 418, "message": "no tea", "metadata": {"shelf": "3"}}
    assert engine.call(call, [1, "ä"]) == [{"value": [1, "ä"]}, refused]
    assert engine.call(call, None) == [{"value": None}, refused]


@pytest.mark.row("F2")
@pytest.mark.parametrize("end", ["fails", "is_cancelled"])
def test_what_was_sent_goes_its_own_way(engine: testing.Engine, end: str) -> None:
    sender = engine.send(send_and_fail)
    if end == "is_cancelled":
        sender.cancel()
    with pytest.raises(odradek.TerminalError, match="failed after all" if end == "fails" else "cancelled"):
        sender.result()
    engine.advance(HOUR)
    assert engine.state(lists, "sent") == {"items": ["x"]}


@pytest.mark.row("F3")
def test_a_delayed_send_starts_at_its_time(engine: testing.Engine) -> None:
    sent = engine.attach(engine.call(send_later, 2), append)
    assert sent.status == testing.InvocationStatus("scheduled")
    engine.crash_and_restart(power=True)
    engine.advance(2 * HOUR - timedelta(milliseconds=1))
    assert engine.state(lists, "later") == {}
    engine.advance(timedelta(milliseconds=1))
    assert engine.state(lists, "later") == {"items": ["x"]}
    assert engine.attach(engine.call(send_later, 0), append).done


@pytest.mark.row("F3", "F11", "I4")
def test_what_has_not_begun_can_be_cancelled(engine: testing.Engine) -> None:
    sent = engine.attach(engine.call(send_later, 2), append)
    sent.cancel()
    with pytest.raises(odradek.TerminalError, match="canceled") as cancelled:
        sent.result()
    assert cancelled.value.status_code == 409
    gone, queued = engine.call(cancel_what_waits)
    assert gone == {"code": 404, "message": "not found", "metadata": None}
    assert queued == {"code": 409, "message": "canceled", "metadata": None}
    engine.advance(5 * HOUR)
    assert engine.state(lists, "later") == {}
    assert engine.state(lists, "busy") == {"items": ["x"]}


@pytest.mark.row("F4")
def test_an_idempotency_key_means_one_invocation(engine: testing.Engine) -> None:
    for _ in range(2):
        assert engine.call(call_with_key, "k") == [["first"], ["first"], 1]
    assert engine.call(append, "from outside", key="once", idempotency_key="k") == ["first"]
    assert engine.call(call_with_key, "other") == [["first", "first"], ["first", "first"], 1]


@pytest.mark.row("F5")
def test_only_headers_that_are_given_reach_the_callee(engine: testing.Engine) -> None:
    own, given, none = engine.call(call_with_headers, headers={"x-of-the-caller": "1"})
    assert own.items() >= {"x-of-the-caller": "1"}.items()
    assert (given, none) == ({"x-given": "1"}, {})


@pytest.mark.row("F6")
def test_the_id_of_a_call_is_known_before_it_ends(engine: testing.Engine) -> None:
    calling = engine.send(id_of_a_call)
    (invocation,) = engine.state(lists, "ids")["items"]
    assert not calling.done
    assert engine.attach(invocation, wait_an_hour).result() == "done"
    assert calling.result() == invocation


@pytest.mark.row("F7")
def test_a_handler_is_called_by_name_with_bytes(engine: testing.Engine) -> None:
    assert engine.call(call_by_name) == ["RAW BYTES"]
    assert engine.state(lists, "k") == {"items": ["typed"]}
    engine.advance(HOUR)
    assert engine.state(lists, "k") == {"items": ["typed", "sent"]}


@pytest.mark.row("F8")
def test_calls_and_sends_to_an_object_keep_their_order() -> None:
    def scenario(engine: testing.Engine) -> list[str]:
        return engine.call(call_and_send_in_order, "k")

    assert testing.replay_everywhere(app, scenario).outcome == [*"0123456789", "last"]


@pytest.mark.row("F9")
def test_attaching_waits_for_the_result(engine: testing.Engine) -> None:
    waited_for, failed = engine.send(wait_an_hour), engine.send(refuse, "no tea")
    attached = engine.send(attach, waited_for.id)
    assert not attached.done
    engine.crash_and_restart()
    assert attached.result() == engine.call(attach, waited_for.id) == {"value": "done"}
    assert engine.call(attach, failed.id) == {"code": 418, "message": "no tea", "metadata": {"shelf": "3"}}
    assert engine.call(attach, UNKNOWN) == {"code": 404, "message": "not found", "metadata": None}


@pytest.mark.row("F11")
def test_a_handler_cancels_another_invocation(engine: testing.Engine) -> None:
    waiting = engine.send(wait_an_hour)
    engine.call(cancel, waiting.id)
    with pytest.raises(odradek.TerminalError, match="cancelled") as cancelled:
        waiting.result()
    assert cancelled.value.status_code == 409
    engine.call(cancel, waiting.id)
    engine.call(cancel, UNKNOWN)


@pytest.mark.row("F12")
@pytest.mark.parametrize("name", ["Nobody/handler", "Callees/nothing"])
def test_an_unknown_callee_is_waited_for(engine: testing.Engine, name: str) -> None:
    calling = engine.send(call_nobody, name)
    engine.advance(timedelta(minutes=5))
    status = calling.status
    assert status is not None
    assert (status.state, status.failed_attempts > 5) == ("backing-off", True)
    assert status.last_failure is not None
    assert f"the service handler {name} was not found" in status.last_failure
