"""A journal value codec stands between all values of handlers and everything that is stored."""

from __future__ import annotations

from typing import Any

import pytest
from fake_engine import FakeEngine, run

import odradek
from odradek.protocol import messages as m

workflow = odradek.Workflow("Flow")


class Numbered(odradek.JournalValueCodec):
    """Reversed bytes behind a number that is another one each time, as an encryption's nonce is."""

    def __init__(self) -> None:
        self.count = 0

    def encode(self, buf: bytes) -> bytes:
        self.count += 1
        return b"%d|" % self.count + buf[::-1]

    async def decode(self, buf: bytes) -> bytes:
        number, bar, value = buf.partition(b"|")
        assert bar, f"{buf!r} was not encoded"
        assert number.isdigit()
        return value[::-1]


@workflow.main()
async def everything(ctx: odradek.WorkflowContext, name: str) -> list[Any]:
    assert ctx.request().body == b'"ada"'
    known = await ctx.get("known", type_hint=str)
    ctx.set("new", "new")
    own = await ctx.get("new", type_hint=str)
    step = await ctx.run_typed("step", lambda: "step")
    called = await ctx.workflow_call(other, "k", "argument")
    handed_out, awakeable = ctx.awakeable(type_hint=str)
    ctx.resolve_awakeable(handed_out, "mine")
    signal = await ctx.signal("go", type_hint=str)
    await ctx.promise("p", type_hint=str).resolve("promise")
    return [name, known, own, step, called, await awakeable, signal, await ctx.promise("p", type_hint=str)]


@workflow.handler()
async def other(ctx: odradek.WorkflowSharedContext, argument: str) -> str:
    return argument


@workflow.handler()
async def failing(ctx: odradek.WorkflowSharedContext) -> None:
    raise odradek.TerminalError("plain", 418)


codec = Numbered()
app = odradek.app([workflow], journal_value_codec=codec)


def stored(value: bytes) -> bytes:
    return b"0|" + value[::-1]


HEARD = (
    m.SignalNotification(17, stored(b'"awakeable"')),
    m.SignalNotification("go", stored(b'"signal"')),
    m.CompletePromiseCompletion(4),
    m.GetPromiseCompletion(5, stored(b'"promise"')),
)


def engine(journal: Any = ()) -> FakeEngine:
    made = FakeEngine(app, "Flow/everything", stored(b'"ada"'), key="k", journal=journal)
    made.state = {b"known": stored(b'"known"')}
    made.answers["other"] = stored(b'"called"')
    return made


def payload(entry: Any) -> bytes | None:
    found: bytes | None = getattr(entry, "value", None) or getattr(entry, "parameter", None)
    return found


def test_every_value_goes_through_it() -> None:
    async def scenario() -> None:
        live = engine()
        live.start()
        await live.settle()
        await live.until(lambda: any(isinstance(entry, m.CompleteAwakeableCommand) for entry in live.journal))
        for notification in HEARD:
            live.notify(notification)
        await live.until(lambda: live.last is not None)
        output = live.journal[-1]
        assert isinstance(output, m.OutputCommand), live.last
        assert output.value is not None
        result = await codec.decode(output.value)
        assert result == b'["ada","known","new","step","called","awakeable","signal","promise"]'
        for entry in live.journal:
            kept = payload(entry)
            assert kept is None or b"|" in kept, entry
        replayed = engine(live.journal[1:])
        assert isinstance(await replayed.finish(), m.End), "other bytes for the same value are no mismatch"

    run(scenario)


def test_failures_are_left_alone() -> None:
    async def scenario() -> None:
        failed = await FakeEngine(app, "Flow/failing", b"0|", key="k").output()
        assert failed.failure == m.Failure(418, "plain")

    run(scenario)


def test_a_provider_is_asked_once() -> None:
    asked = []

    async def provide() -> odradek.JournalValueCodec:
        asked.append(1)
        return Numbered()

    provided = odradek.app([workflow], journal_value_codec=provide)

    async def scenario() -> None:
        first = FakeEngine(provided, "Flow/other", stored(b'"x"'), key="k")
        for _ in range(2):
            first.journal = first.journal[:1]
            assert (await first.output()).value in (b'1|"x"', b'2|"x"')
        assert asked == [1]

    run(scenario)


def test_what_the_codec_raises_fails_the_attempt() -> None:
    async def scenario() -> None:
        last = await FakeEngine(app, "Flow/other", b"not encoded", key="k").finish()
        assert isinstance(last, m.Error)
        assert "was not encoded" in last.message

    run(scenario)


def test_it_is_abstract() -> None:
    with pytest.raises(TypeError):
        odradek.JournalValueCodec()  # type: ignore[abstract]
