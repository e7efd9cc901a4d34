"""Section G of docs/features.md: awakeables, promises, signals, and waiting for several things at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

import odradek
from odradek import testing

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)

waits = odradek.Service("Waits", inactivity_timeout=timedelta(0))
board = odradek.VirtualObject("Board")
vote = odradek.Workflow("Vote")
attempts: Counter[str] = Counter()


async def outcome_of(future: Any) -> dict[str, Any]:
    """A value, or what a terminal error says."""
    try:
        return {"value": await future}
    except odradek.TerminalError as error:
        return {"code": error.status_code, "message": error.message}


@board.handler()
async def pin(ctx: odradek.ObjectContext, notes: list[str]) -> None:
    ctx.set("notes", notes)


@waits.handler()
async def ask(ctx: odradek.Context, count: int) -> list[dict[str, Any]]:
    questions = [ctx.awakeable() for _ in range(count)]
    await ctx.object_call(pin, key="questions", arg=[name for name, _ in questions])
    return [await outcome_of(answer) for _, answer in questions]


@waits.handler()
async def answer(ctx: odradek.Context, question: str) -> None:
    ctx.resolve_awakeable(question, {"from": "a handler"})
    ctx.reject_awakeable(question, "too late")


@waits.handler()
async def refuse(ctx: odradek.Context, question: str) -> None:
    ctx.reject_awakeable(question, "no comment", 418)


@waits.handler()
async def answer_oneself(ctx: odradek.Context) -> list[Any]:
    question, answered = ctx.awakeable()
    ctx.resolve_awakeable(question, [1])
    ctx.resolve_signal(ctx.request().id, "own", 2)
    return [await answered, await ctx.signal("own"), await answered]


@waits.handler()
async def listen(ctx: odradek.Context) -> list[dict[str, Any]]:
    await ctx.sleep(HOUR)
    heard = [await outcome_of(ctx.signal("a")) for _ in range(2)]
    return [*heard, await outcome_of(ctx.signal("b"))]


@waits.handler()
async def say(ctx: odradek.Context, message: tuple[str, str, str]) -> None:
    listener, name, word = message
    if word == "no":
        ctx.reject_signal(listener, name, word, 418)
    else:
        ctx.resolve_signal(listener, name, word)


@vote.main()
async def run(ctx: odradek.WorkflowContext) -> dict[str, Any]:
    return await outcome_of(ctx.promise("result"))


@vote.handler()
async def watch(ctx: odradek.WorkflowSharedContext) -> dict[str, Any]:
    return await outcome_of(ctx.promise("result").value())


@vote.handler()
async def peek(ctx: odradek.WorkflowSharedContext) -> dict[str, Any]:
    return await outcome_of(ctx.promise("result").peek())


@vote.handler()
async def decide(ctx: odradek.WorkflowSharedContext, result: str) -> dict[str, Any]:
    return await outcome_of(ctx.promise("result").resolve(result))


@vote.handler()
async def cancel(ctx: odradek.WorkflowSharedContext) -> dict[str, Any]:
    return await outcome_of(ctx.promise("result").reject("cancelled by hand"))


@waits.handler()
async def race(ctx: odradek.Context) -> list[Any]:
    left, right = (ctx.signal(name, type_hint=str) for name in ("left", "right"))
    name, value = await odradek.select(left=left, right=right)
    await ctx.sleep(SECOND)
    loser = await (right if name == "left" else left)
    again, _ = await odradek.select(right=right, left=left)
    return [name, value, loser, again]


@waits.handler()
async def in_order_of_arrival(ctx: odradek.Context) -> list[str]:
    futures = [ctx.signal(name, type_hint=str) for name in ("a", "b", "c")]
    return [await future async for future in odradek.as_completed(*futures)]


@waits.handler()
async def all_of(ctx: odradek.Context) -> list[dict[str, Any]]:
    attempts["all_of"] += 1
    futures = [ctx.signal(name) for name in ("a", "b", "c")]
    return [await outcome_of(future) for future in await odradek.gather(*futures)]


@waits.handler()
async def answer_in_time(ctx: odradek.Context) -> str:
    match await odradek.select(word=ctx.signal("word", type_hint=str), late=ctx.sleep(HOUR)):
        case ["word", word]:
            return str(word)
        case _:
            return "late"


app = odradek.app([waits, board, vote])


@pytest.fixture
def engine() -> Iterator[testing.Engine]:
    attempts.clear()
    with testing.engine(app) as running:
        yield running


def questions(engine: testing.Engine) -> list[str]:
    pinned: list[str] = engine.state(board, "questions")["notes"]
    return pinned


@pytest.mark.row("G1")
def test_an_awakeable_is_completed_by_who_knows_its_id(engine: testing.Engine) -> None:
    asking = engine.send(ask, 4)
    first, second, third, fourth = questions(engine)
    assert all(name.startswith("sign_1") for name in questions(engine))
    engine.resolve_awakeable(third, "before it is awaited")
    engine.crash_and_restart(power=True)
    engine.resolve_awakeable(first, {"x": [1, None]})
    engine.resolve_awakeable(first, "a second time")
    engine.reject_awakeable(second, "no")
    engine.reject_awakeable(second, "no again", 418)
    engine.resolve_awakeable(fourth)
    expected = [
        {"value": {"x": [1, None]}},
        {"code": 500, "message": "no"},
        {"value": "before it is awaited"},
        {"value": None},
    ]
    assert asking.result() == expected


@pytest.mark.row("G2")
def test_an_awakeable_is_completed_by_a_handler() -> None:
    def scenario(engine: testing.Engine) -> Any:
        asking = engine.send(ask, 2)
        answered, refused = questions(engine)
        engine.call(answer, answered)
        engine.call(refuse, refused)
        engine.call(answer, refused)
        return asking.result()

    expected = [{"value": {"from": "a handler"}}, {"code": 418, "message": "no comment"}]
    assert testing.replay_everywhere(app, scenario).outcome == expected


@pytest.mark.row("G1", "G2", "G4")
def test_a_handler_may_answer_itself(engine: testing.Engine) -> None:
    assert engine.call(answer_oneself) == [[1], 2, [1]]


@pytest.mark.row("G3")
def test_a_promise_is_completed_once(engine: testing.Engine) -> None:
    running, watching = engine.send(run, key="k"), engine.send(watch, key="k")
    assert engine.call(peek, key="k") == {"value": None}
    assert engine.call(decide, "yes", key="k") == {"value": None}
    second = {"code": 409, "message": "promise was already completed"}
    assert engine.call(decide, "no", key="k") == engine.call(cancel, key="k") == second
    engine.crash_and_restart(power=True)
    for each in (running, watching, engine.send(watch, key="k"), engine.send(peek, key="k")):
        assert each.result() == {"value": "yes"}


@pytest.mark.row("G3")
def test_a_rejected_promise_is_a_terminal_error_for_all(engine: testing.Engine) -> None:
    watching = engine.send(watch, key="k")
    assert engine.call(cancel, key="k") == {"value": None}
    rejected = {"code": 500, "message": "cancelled by hand"}
    assert watching.result() == engine.call(peek, key="k") == rejected
    assert engine.call(run, key="k") == rejected
    assert engine.call(peek, key="another key") == {"value": None}


@pytest.mark.row("G4")
def test_signals_wait_for_who_waits_for_them(engine: testing.Engine) -> None:
    listening = engine.send(listen)
    for message in (("b", "no"), ("a", "first"), ("a", "second"), ("a", "third"), ("c", "nobody listens")):
        engine.call(say, (listening.id, *message))
    engine.crash_and_restart(power=True)
    expected = [{"value": "first"}, {"value": "second"}, {"code": 418, "message": "no"}]
    assert listening.result() == expected
    engine.call(say, (listening.id, "a", "too late"))


@pytest.mark.row("G5")
@pytest.mark.parametrize("order", ["left right", "right left"])
def test_the_winner_of_a_race_stays_the_winner(order: str) -> None:
    first, second = order.split()

    def scenario(engine: testing.Engine) -> Any:
        racing = engine.send(race)
        engine.call(say, (racing.id, first, f"{first} came"))
        engine.call(say, (racing.id, second, f"{second} came"))
        return racing.result()

    winner_again = "right"  # both are there by now: the first of those that are named
    expected = [first, f"{first} came", f"{second} came", winner_again]
    assert testing.replay_everywhere(app, scenario).outcome == expected


@pytest.mark.row("G5")
def test_results_are_taken_as_they_come(engine: testing.Engine) -> None:
    waiting = engine.send(in_order_of_arrival)
    for name in "cab":
        engine.call(say, (waiting.id, name, name))
    assert waiting.result() == ["c", "a", "b"]


@pytest.mark.row("G6", "G8")
def test_waiting_for_all_waits_for_the_failed_ones_too(engine: testing.Engine) -> None:
    waiting = engine.send(all_of)
    for name, word in (("b", "no"), ("a", "yes"), ("c", "at last")):
        assert not waiting.done
        engine.advance(SECOND)
        assert waiting.status == testing.InvocationStatus("suspended")
        engine.call(say, (waiting.id, name, word))
    assert waiting.result() == [{"value": "yes"}, {"code": 418, "message": "no"}, {"value": "at last"}]
    assert attempts["all_of"] == 2, "it is woken when all are there, not by each"


@pytest.mark.row("G7")
def test_a_time_out_beside_anything(engine: testing.Engine) -> None:
    in_time, late = engine.send(answer_in_time), engine.send(answer_in_time)
    engine.advance(HOUR - SECOND)
    engine.call(say, (in_time.id, "word", "here"))
    engine.crash_and_restart()
    engine.advance(SECOND)
    assert in_time.result() == "here"
    assert late.done
    assert late.result() == "late"
