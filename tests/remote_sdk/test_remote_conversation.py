"""Attempts over scripted streams, for each version of the protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from scripted_stream import Stream, run, settle, start

import odradek
from odradek.protocol.codec import CODECS
from odradek.protocol.framing import BODY_BYTES_MAX, HEADER, REQUIRES_ACK
from odradek.protocol.messages import (
    AwaitingOn,
    CommandAck,
    End,
    Error,
    InputCommand,
    OutputCommand,
    ProposeRunCompletion,
    ProposeRunCompletionAck,
    RunCommand,
    RunCompletion,
    SleepCommand,
    SleepCompletion,
    Suspension,
)
from odradek.remote import conversation
from odradek.serde import BytesSerde
from until import until

VERSIONS = (5, 6, 7)
CHUNK_BYTES = 65_536
INPUT = InputCommand((), b'"Ada"')

log: list[str] = []
service = odradek.Service("Svc")


@service.handler()
async def greet(ctx: odradek.Context, name: str) -> str:
    return f"Hello {name}"


@service.handler(accept="*/*", input_serde=BytesSerde(), output_serde=BytesSerde())
async def echo(ctx: odradek.Context, body: bytes) -> bytes:
    return body


@service.handler()
async def step(ctx: odradek.Context, name: str) -> str:
    async def action() -> str:
        log.append(f"step for {name}")
        return f"{name}!"

    return await ctx.run_typed("step", action)


@service.handler()
async def nap(ctx: odradek.Context, name: str) -> str:
    await ctx.sleep(timedelta(seconds=1))
    return name


@service.handler()
async def two_naps(ctx: odradek.Context, name: str) -> str:
    await odradek.gather(ctx.sleep(timedelta(seconds=1)), ctx.sleep(timedelta(seconds=2)))
    return name


@service.handler()
async def draw(ctx: odradek.Context, name: str) -> float:
    return ctx.random().random()


@service.handler()
async def attempt_headers(ctx: odradek.Context, name: str) -> str:
    return ctx.request().attempt_headers["content-type"]


@service.handler()
async def linger(ctx: odradek.Context, name: str) -> None:
    log.append("lingering")
    try:
        await asyncio.sleep(3600)
    finally:
        log.append("stopped")


@service.handler()
async def unspeakable(ctx: odradek.Context, name: str) -> None:
    ctx.service_send(greet, name, headers={"x-odd": "\ud800"})
    await asyncio.sleep(3600)


@asynccontextmanager
async def tidied() -> AsyncIterator[None]:
    try:
        yield
    finally:
        await asyncio.sleep(0)
        log.append("tidied up")


@service.handler(invocation_context_managers=[tidied])
async def nap_with_resources(ctx: odradek.Context, name: str) -> None:
    await ctx.sleep(timedelta(seconds=1))


app = odradek.app([service])


@pytest.fixture(autouse=True)
def _fresh_log() -> None:
    log.clear()


@pytest.mark.parametrize("version", VERSIONS)
def test_input_to_output(version: int) -> None:
    async def test() -> None:
        async with Stream(app, "Svc/greet", version=version) as stream:
            stream.say(start(), INPUT)
            assert await stream.hear_all() == [OutputCommand(b'"Hello Ada"'), End()]
        assert stream.status == 200
        assert stream.headers["content-type"] == f"application/vnd.restate.invocation.v{version}"
        assert stream.headers["x-restate-server"].startswith("odradek")

    run(test)


def test_answers_while_the_engine_has_said_nothing_yet() -> None:
    async def test() -> None:
        async with Stream(app, "Svc/greet") as stream:
            await until(lambda: stream.status == 200)
            await until(lambda: stream.body_begun)
            assert stream.frames == []

    run(test)


def test_the_answer_ends_after_the_request() -> None:
    async def test() -> None:
        async with Stream(app, "Svc/greet") as stream:
            stream.closes_at_the_end = False
            stream.say(start(), INPUT)
            assert await stream.hear() == OutputCommand(b'"Hello Ada"')
            assert await stream.hear() == End()
            await settle()
            assert not stream.finished
            stream.say(SleepCompletion(1))
            stream.close_input()
            await until(lambda: stream.finished)

    run(test)


def test_the_answer_ends_though_the_engine_never_closes_its_side(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "ENGINE_CLOSES_WITHIN_SECONDS", 0.01)

    async def test() -> None:
        async with Stream(app, "Svc/greet") as stream:
            stream.closes_at_the_end = False
            stream.say(start(), INPUT)
            await until(lambda: stream.finished)

    run(test)


def test_frames_in_single_bytes() -> None:
    async def test() -> None:
        async with Stream(app, "Svc/greet") as stream:
            for byte in CODECS[7].encode(start()) + CODECS[7].encode(INPUT):
                stream.say_bytes(bytes((byte,)))
            assert await stream.hear_all() == [OutputCommand(b'"Hello Ada"'), End()]

    run(test)


def test_a_payload_of_32_mib_passes_both_ways() -> None:
    payload = bytes(32 * 1024 * 1024)

    async def test() -> None:
        async with Stream(app, "Svc/echo") as stream:
            said = CODECS[7].encode(start()) + CODECS[7].encode(InputCommand((), payload))
            for at in range(0, len(said), CHUNK_BYTES):
                stream.say_bytes(said[at : at + CHUNK_BYTES])
            output = await stream.hear()
            assert isinstance(output, OutputCommand)
            assert output.value == payload

    run(test)


def test_run_is_acknowledged_by_its_id_from_version_7_on() -> None:
    async def test() -> None:
        async with Stream(app, "Svc/step") as stream:
            stream.say(start(), INPUT)
            assert await stream.hear() == RunCommand(1, "step")
            assert await stream.hear() == ProposeRunCompletion(1, b'"Ada!"')
            assert stream.frames[-1][1] == REQUIRES_ACK
            stream.say(ProposeRunCompletionAck(1))
            assert await stream.hear_all() == [OutputCommand(b'"Ada!"'), End()]

    run(test)


@pytest.mark.parametrize("version", [5, 6])
def test_run_is_acknowledged_by_its_completion_before(version: int) -> None:
    async def test() -> None:
        async with Stream(app, "Svc/step", version=version) as stream:
            stream.say(start(), INPUT)
            assert await stream.hear() == RunCommand(1, "step")
            assert await stream.hear() == ProposeRunCompletion(1, b'"Ada!"')
            assert [flags for _, flags, _ in stream.frames] == [0, 0]
            stream.say(RunCompletion(1, b'"Ada!"'))
            assert await stream.hear_all() == [OutputCommand(b'"Ada!"'), End()]

    run(test)


@pytest.mark.parametrize("version", VERSIONS)
def test_replayed_run_is_not_executed_again(version: int) -> None:
    async def test() -> None:
        async with Stream(app, "Svc/step", version=version) as stream:
            stream.say(start(3), INPUT, RunCommand(1, "step"), RunCompletion(1, b'"kept"'))
            assert await stream.hear_all() == [OutputCommand(b'"kept"'), End()]
        assert log == []

    run(test)


def test_waits_are_told_from_version_7_on() -> None:
    async def test() -> None:
        for version in VERSIONS:
            async with Stream(app, "Svc/nap", version=version) as stream:
                stream.say(start(), INPUT)
                assert isinstance(await stream.hear(), SleepCommand)
                if version == 7:
                    assert isinstance(await stream.hear(), AwaitingOn)
                await settle()
                assert stream.nothing_more
                stream.say(SleepCompletion(1))
                assert await stream.hear_all() == [OutputCommand(b'"Ada"'), End()]

    run(test)


@pytest.mark.parametrize(("version", "body"), [(5, "0a0101120101"), (6, "0a0101120101"), (7, "22080a01011201012801")])
def test_suspends_when_the_engine_has_closed_its_side(version: int, body: str) -> None:
    async def test() -> None:
        async with Stream(app, "Svc/nap", version=version) as stream:
            stream.say(start(), INPUT)
            stream.close_input()
            assert isinstance((await stream.hear_all())[-1], Suspension)
            assert stream.frames[-1][2].hex() == body

    run(test)


@pytest.mark.parametrize("version", VERSIONS)
def test_wait_for_several_suspends_on_each_of_them(version: int) -> None:
    async def test() -> None:
        async with Stream(app, "Svc/two_naps", version=version) as stream:
            stream.say(start(), INPUT)
            stream.close_input()
            last = (await stream.hear_all())[-1]
            assert isinstance(last, Suspension)
            tree = last.awaiting_on
            assert tree.waiting_signals == (1,)
            if version == 7:
                assert tree.nested_futures[0].waiting_completions == (1, 2)
            else:
                assert tree.waiting_completions == (1, 2)

    run(test)


def test_request_response_starts_when_all_is_there_and_never_waits() -> None:
    async def test() -> None:
        async with Stream(app, "Svc/nap", http_version="1.1") as stream:
            stream.say(start(), INPUT)
            await settle()
            assert stream.nothing_more
            stream.close_input()
            assert [type(message) for message in await stream.hear_all()] == [SleepCommand, Suspension]
        async with Stream(app, "Svc/nap", http_version="1.1") as stream:
            sleep = SleepCommand(1_700_000_000_000, 1)
            stream.say(start(3), INPUT, sleep, SleepCompletion(1))
            stream.close_input()
            assert await stream.hear_all() == [OutputCommand(b'"Ada"'), End()]

    run(test)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_same_seed_gives_the_same_numbers(version: int) -> None:
    async def drawn(seed: int) -> bytes | None:
        async with Stream(app, "Svc/draw", version=version) as stream:
            stream.say(start(seed=seed), INPUT)
            output = (await stream.hear_all())[0]
            assert isinstance(output, OutputCommand)
            return output.value

    async def test() -> None:
        first, again, other = await drawn(7), await drawn(7), await drawn(8)
        assert first == again
        assert (first == other) == (version == 5), "from version 6 on the engine's seed counts, before it the id"

    run(test)


def test_headers_of_the_attempt() -> None:
    async def test() -> None:
        async with Stream(app, "Svc/attempt_headers", version=6) as stream:
            stream.say(start(), INPUT)
            assert await stream.hear() == OutputCommand(b'"application/vnd.restate.invocation.v6"')

    run(test)


def test_mounted_under_a_prefix() -> None:
    async def test() -> None:
        async with Stream(app, "Svc/greet", prefix="/pre/fix") as stream:
            stream.say(start(), INPUT)
            assert await stream.hear() == OutputCommand(b'"Hello Ada"')

    run(test)


# --- what goes wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([INPUT], "begins with InputCommand"),
        ([start(2), INPUT, End()], "End stands in the place of entry 1"),
        ([start(), RunCommand(1)], "begin with the input"),
        ([start(0)], "begin with the input"),
        ([start(), INPUT, RunCommand(1)], "RunCommand comes after the known entries"),
        ([start(), INPUT, CommandAck(0)], "CommandAck comes after the known entries"),
        ([start(), INPUT, ProposeRunCompletionAck(5)], "was not proposed"),
    ],
)
def test_a_breach_of_the_protocol_fails_the_attempt(version: int, messages: list[object], reason: str) -> None:
    async def test() -> None:
        async with Stream(app, "Svc/nap", version=version) as stream:
            stream.say(*messages)  # type: ignore[arg-type]
            last = (await stream.hear_all())[-1]
            assert isinstance(last, Error)
            assert last.code == 571
            assert reason in last.message

    run(test)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (HEADER.pack(0x0000, 0, BODY_BYTES_MAX + 1), "larger than the limit"),
        (HEADER.pack(0x03FF, 0, 0), "no message of type 0x03ff"),
        (HEADER.pack(0x0000, 0, 1) + b"\xff", "integer"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "limit"),
    ],
)
def test_bytes_that_are_no_messages_fail_the_attempt(body: bytes, reason: str) -> None:
    async def test() -> None:
        async with Stream(app, "Svc/greet") as stream:
            stream.say_bytes(body)
            last = (await stream.hear_all())[-1]
            assert isinstance(last, Error)
            assert last.code == 571
            assert reason in last.message

    run(test)


@pytest.mark.parametrize("said", [b"", CODECS[7].encode(start()), CODECS[7].encode(start()) + b"\x04"])
def test_a_stream_that_ends_too_early_fails_the_attempt(said: bytes) -> None:
    async def test() -> None:
        async with Stream(app, "Svc/greet") as stream:
            stream.say_bytes(said)
            stream.close_input()
            last = (await stream.hear_all())[-1]
            assert isinstance(last, Error)
            assert "the stream ends" in last.message

    run(test)


def test_a_broken_stream_stops_the_handler() -> None:
    async def test() -> None:
        async with Stream(app, "Svc/linger") as stream:
            stream.say(start(), INPUT)
            await until(lambda: log == ["lingering"])
            stream.break_off()
            await until(lambda: log == ["lingering", "stopped"])
        assert stream.frames == []

    run(test)


def test_a_server_that_stops_the_request_stops_the_handler() -> None:
    async def test() -> None:
        async with Stream(app, "Svc/linger") as stream:
            stream.say(start(), INPUT)
            await until(lambda: log == ["lingering"])
            stream.cancel()
        await until(lambda: log == ["lingering", "stopped"])

    run(test)


def test_a_breach_stops_the_handler() -> None:
    async def test() -> None:
        async with Stream(app, "Svc/linger") as stream:
            stream.say(start(), INPUT)
            await until(lambda: log == ["lingering"])
            stream.say(End())
            assert isinstance((await stream.hear_all())[-1], Error)
            await until(lambda: log == ["lingering", "stopped"])

    run(test)


def test_a_message_that_cannot_be_written_fails_the_attempt() -> None:
    async def test() -> None:
        async with Stream(app, "Svc/unspeakable") as stream:
            stream.say(start(), INPUT)
            (only,) = await stream.hear_all()
            assert isinstance(only, Error)
            assert "cannot be sent" in only.message

    run(test)


def test_a_suspended_handler_may_let_go_of_its_resources() -> None:
    async def test() -> None:
        async with Stream(app, "Svc/nap_with_resources") as stream:
            stream.say(start(), INPUT)
            stream.close_input()
            assert isinstance((await stream.hear_all())[-1], Suspension)
        await until(lambda: log == ["tidied up"])

    run(test)


def test_an_endpoint_about_to_stop_suspends_what_waits() -> None:
    async def test() -> None:
        async with Stream(app, "Svc/nap") as waiting, Stream(app, "Svc/linger") as busy:
            waiting.say(start(), INPUT)
            busy.say(start(), INPUT)
            assert isinstance(await waiting.hear(), SleepCommand)
            await until(lambda: log == ["lingering"])
            app.door().suspend_all()
            assert isinstance((await waiting.hear_all())[-1], Suspension)
            assert not busy.finished

    run(test)
