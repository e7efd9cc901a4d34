"""gather, select, as_completed, wait_completed: the journal's order decides, also on replay."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from fake_engine import FakeEngine, run

import odradek
from odradek.protocol.messages import AwaitingOn, Combinator, Failure, Future, OutputCommand, SignalNotification

svc = odradek.Service("Svc")
app = odradek.app([svc])


@svc.handler()
async def first_of_two(ctx: odradek.Context) -> list[Any]:
    _, left = ctx.awakeable()
    _, right = ctx.awakeable()
    return await odradek.select(left=left, right=right)


@svc.handler()
async def in_order(ctx: odradek.Context) -> list[str]:
    futures = {name: ctx.awakeable()[1] for name in ("a", "b", "c")}
    names = {id(future): name for name, future in futures.items()}
    return [names[id(future)] async for future in odradek.as_completed(*futures.values())]


@svc.handler()
async def all_of(ctx: odradek.Context) -> list[str]:
    futures = [ctx.awakeable()[1] for _ in range(3)]
    results = []
    for future in await odradek.gather(*futures):
        try:
            results.append(str(await future))
        except odradek.TerminalError as error:
            results.append(error.message)
    return results


@svc.handler()
async def waits(ctx: odradek.Context) -> list[int]:
    futures = [ctx.awakeable()[1] for _ in range(3)]
    completed, others = await odradek.wait_completed(*futures)
    again, _ = await odradek.wait_completed(*completed)
    assert again == completed
    return [futures.index(future) for future in completed + others]


@svc.handler()
async def nothing(ctx: odradek.Context) -> list[Any]:
    return [await odradek.gather(), list(await odradek.wait_completed())]


@svc.handler()
async def known_state_wins(ctx: odradek.Context) -> str:
    timer = ctx.sleep(timedelta(seconds=1))
    same = await odradek.gather(timer, timer)
    assert same == [timer, timer]
    return "ok"


@pytest.mark.parametrize(("order", "winner"), [((17, 18), "left"), ((18, 17), "right")])
def test_select_takes_the_first_in_the_journal(order: tuple[int, int], winner: str) -> None:
    async def test() -> None:
        signals = [SignalNotification(index, b"1") for index in order]
        expected = OutputCommand(f'["{winner}",1]'.encode())
        live = FakeEngine(app, "Svc/first_of_two")
        live.start()
        await live.until(lambda: live.sends)
        for signal in signals:
            live.notify(signal)
        await live.until(lambda: live.last)
        assert live.journal[-1] == expected
        assert await FakeEngine(app, "Svc/first_of_two", journal=signals).output() == expected

    run(test)


def test_select_raises_what_the_winner_raises() -> None:
    async def test() -> None:
        journal = [SignalNotification(18, None, Failure(500, "no"))]
        output = await FakeEngine(app, "Svc/first_of_two", journal=journal).output()
        assert output.failure == Failure(500, "no")

    run(test)


def test_select_needs_a_future() -> None:
    async def test() -> None:
        with pytest.raises(ValueError, match="at least one"):
            await odradek.select()

    run(test)


def test_as_completed_follows_the_journal() -> None:
    async def test() -> None:
        journal = [SignalNotification(index, b"1") for index in (18, 19, 17)]
        assert (await FakeEngine(app, "Svc/in_order", journal=journal).output()).value == b'["b","c","a"]'

    run(test)


def test_gather_waits_for_failures_too_and_says_so() -> None:
    async def test() -> None:
        made = FakeEngine(app, "Svc/all_of")
        made.start()
        await made.until(lambda: made.sends)
        inner = Future((), (17, 18, 19), combinator=Combinator.ALL_COMPLETED)
        assert made.sent == [AwaitingOn(Future((), (1,), (), (inner,), Combinator.FIRST_COMPLETED))]
        made.notify(SignalNotification(19, None, Failure(500, "bad")))
        made.notify(SignalNotification(17, b"1"))
        await made.settle()
        assert made.last is None
        made.notify(SignalNotification(18, b"2"))
        await made.until(lambda: made.last)
        assert made.journal[-1] == OutputCommand(b'["1","2","bad"]')

    run(test)


def test_wait_completed_splits() -> None:
    async def test() -> None:
        journal = [SignalNotification(18, b"1")]
        assert (await FakeEngine(app, "Svc/waits", journal=journal).output()).value == b"[1,0,2]"

    run(test)


@pytest.mark.parametrize(("handler", "value"), [("nothing", b"[[],[[],[]]]"), ("known_state_wins", b'"ok"')])
def test_edges(handler: str, value: bytes) -> None:
    async def test() -> None:
        assert (await FakeEngine(app, f"Svc/{handler}").output()).value == value

    run(test)


def test_only_futures_of_one_context() -> None:
    async def test() -> None:
        with pytest.raises(TypeError, match="only durable futures"):
            await odradek.gather(object())  # type: ignore[arg-type]

    run(test)
