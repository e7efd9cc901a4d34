"""An engine that does not read: handlers are held, and what waits to be sent stays within its bounds."""

from __future__ import annotations

import asyncio

import pytest
from scripted_stream import Stream, run, settle, start

import odradek
from odradek.protocol.messages import End, Error, InputCommand, SetStateCommand
from odradek.remote import outgoing
from until import until

WRITES = 1000
VALUE_BYTES = 50_000
PAYLOAD = "x" * VALUE_BYTES

written: list[int] = []
thing = odradek.VirtualObject("Thing")


@thing.handler()
async def write(ctx: odradek.ObjectContext) -> str:
    """Never waits for the engine: each read is answered from the start message."""
    for number in range(WRITES):
        await ctx.get(f"{number}")
        ctx.set(f"{number}", PAYLOAD)
        written.append(number)
    return "done"


@thing.handler()
async def rush(ctx: odradek.ObjectContext) -> str:
    """Awaits nothing of the SDK's, so that nothing holds it."""
    for number in range(WRITES):
        ctx.set(f"{number}", PAYLOAD)
        written.append(number)
        await asyncio.sleep(0)
    return "done"


app = odradek.app([thing])


@pytest.fixture(autouse=True)
def _nothing_written() -> None:
    written.clear()


def test_a_handler_is_held_while_the_engine_does_not_read() -> None:
    async def test() -> None:
        async with Stream(app, "Thing/write") as stream:
            await until(lambda: stream.status)
            stream.hold_back()
            stream.say(start(key="k"), InputCommand((), b""))
            await until(lambda: len(written) * VALUE_BYTES > outgoing.UNSENT_BYTES_HELD)
            await settle()
            held_at = len(written)
            await settle()
            assert len(written) == held_at < WRITES / 2
            stream.read_on()
            messages = await stream.hear_all()
            assert sum(isinstance(message, SetStateCommand) for message in messages) == WRITES
            assert messages[-1] == End()

    run(test)


def test_a_held_handler_is_stopped_with_its_stream() -> None:
    async def test() -> None:
        async with Stream(app, "Thing/write") as stream:
            await until(lambda: stream.status)
            stream.hold_back()
            stream.say(start(key="k"), InputCommand((), b""))
            await until(lambda: len(written) * VALUE_BYTES > outgoing.UNSENT_BYTES_HELD)
            stream.break_off()
        await settle()
        assert len(written) < WRITES

    run(test)


def test_what_cannot_be_held_fails_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "MAX_BACKLOG_BYTES", 20 * VALUE_BYTES)

    async def test() -> None:
        async with Stream(app, "Thing/rush") as stream:
            await until(lambda: stream.status)
            stream.hold_back()
            stream.say(start(key="k"), InputCommand((), b""))
            await until(lambda: len(written) > 20)
            await settle()
            assert len(written) < 40
            stream.read_on()
            last = (await stream.hear_all())[-1]
            assert isinstance(last, Error)
            assert "the engine did not take" in last.message

    run(test)
