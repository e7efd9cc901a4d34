"""Whatever an engine says, an attempt ends in order: with one closing message, which is the last."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_stream import Stream, run, start

import odradek
from odradek.protocol.codec import CODECS
from odradek.protocol.messages import (
    CallInvocationIdCompletion,
    End,
    Error,
    Failure,
    InputCommand,
    Message,
    ProposeRunCompletionAck,
    RunCommand,
    RunCompletion,
    SignalNotification,
    SleepCommand,
    SleepCompletion,
    Suspension,
)

service = odradek.Service("Svc")


@service.handler()
async def mixed(ctx: odradek.Context, name: str) -> str:
    async def action() -> str:
        return name

    result = await ctx.run_typed("step", action)
    await ctx.sleep(timedelta(seconds=1))
    return result


app = odradek.app([service])

INPUT = InputCommand((), b'"Ada"')
MESSAGES: list[Message] = [
    start(1),
    start(3),
    INPUT,
    RunCommand(1, "step"),
    RunCompletion(1, b'"x"'),
    RunCompletion(1, None, Failure(500, "no")),
    SleepCommand(5, 2),
    SleepCompletion(2),
    SleepCompletion(1),
    ProposeRunCompletionAck(1),
    CallInvocationIdCompletion(1, "inv_1"),
    SignalNotification(1),
    SignalNotification(17, b"1"),
    SignalNotification("name", b"1"),
    End(),
    Error(500, "no"),
]


@settings(max_examples=150, deadline=None)
@given(
    version=st.sampled_from((5, 6, 7)),
    messages=st.lists(st.sampled_from(MESSAGES), max_size=8),
    opening=st.booleans(),
    noise=st.binary(max_size=12),
    cut=st.integers(0, 40),
)
def test_every_attempt_ends_with_one_closing_message(
    version: int, messages: list[Message], opening: bool, noise: bytes, cut: int
) -> None:
    said = b"".join(CODECS[version].encode(message) for message in [*([start(1), INPUT] if opening else []), *messages])
    said = said[: len(said) - cut] + noise

    async def test() -> None:
        async with Stream(app, "Svc/mixed", version=version) as stream:
            stream.say_bytes(said)
            stream.close_input()
            *others, last = await stream.hear_all()
            assert isinstance(last, End | Suspension | Error)
            assert not any(isinstance(each, End | Suspension | Error) for each in others)

    run(test)
