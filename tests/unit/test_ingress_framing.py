"""HTTP/1.1 framing and the bounds of a connection, byte by byte."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Sequence
from functools import partial

import httpx
import pytest
from fakes_http import FakeGateway, echo, ingress, speak
from hypothesis import given, settings
from hypothesis import strategies as st

from odradek_engine.ingress.limits import IngressLimits
from odradek_engine.ingress.server import IngressServer
from odradek_engine.listening import CannotListen
from odradek_engine.model.commands import AnyCommand, Invoke
from odradek_engine.model.outcomes import AnyOutcome, Ended
from odradek_engine.model.rows import Result
from until import until

RAW_ID = bytes(24)
CLOSE = b"connection: close\r\n"
POST_RAW = b"POST /Svc/raw HTTP/1.1\r\nhost: h\r\ncontent-type: x/y\r\n"


def post(body: bytes, extra: bytes = b"") -> bytes:
    return POST_RAW + extra + b"content-length: %d\r\n\r\n" % len(body) + body


def has_more_than(items: Sequence[object], count: int) -> bool:
    return len(items) > count


def exchange(*parts: bytes, limits: IngressLimits | None = None, end: bool = False) -> tuple[bytes, FakeGateway]:
    async def scenario() -> tuple[bytes, FakeGateway]:
        gateway = FakeGateway()
        async with ingress(gateway, limits) as (server, _):
            return await speak(server.port, *parts, end=end), gateway

    return asyncio.run(scenario())


def bodies(gateway: FakeGateway) -> list[bytes]:
    return [command.input.value for command in gateway.commands if isinstance(command, Invoke)]


def statuses(answers: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 ([0-9]{3}) ", answers)]


def test_a_request_in_single_bytes() -> None:
    request = post(b"abc", CLOSE)
    answers, gateway = exchange(*(request[at : at + 1] for at in range(len(request))))
    assert answers.endswith(b"\r\n\r\nabc")
    assert bodies(gateway) == [b"abc"]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 400), max_size=12), st.booleans())
def test_any_cut_of_the_bytes_means_the_same(lengths: list[int], chunked: bool) -> None:
    last = POST_RAW + CLOSE + b"transfer-encoding: chunked\r\n\r\n2\r\nde\r\n1\r\nf\r\n0\r\n\r\n"
    requests = post(b"abc") + post(b"") + b"GET /Svc/noin HTTP/1.1\r\n\r\n" + (last if chunked else post(b"def", CLOSE))
    parts = []
    for length in lengths:
        parts.append(requests[:length])
        requests = requests[length:]
    answers, gateway = exchange(*parts, requests)
    assert statuses(answers) == [200] * 4
    assert bodies(gateway) == [b"abc", b"", b"", b"def"]


def test_a_chunked_body() -> None:
    answers, gateway = exchange(
        POST_RAW + CLOSE + b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n", b"2\r\nde\r\n", b"0\r\n\r\n"
    )
    assert statuses(answers) == [200]
    assert bodies(gateway) == [b"abcde"]


def test_pipelined_answers_come_in_the_order_of_the_requests() -> None:
    async def scenario() -> bytes:
        gateway = FakeGateway(lambda _: None)
        async with ingress(gateway) as (server, _):
            requests = b"".join(post(b"%d" % number) for number in range(9)) + post(b"9", CLOSE)
            answers = asyncio.ensure_future(speak(server.port, requests))
            await until(lambda: len(gateway.replies) == 10)
            for number in reversed(range(10)):
                gateway.replies[number](Ended(RAW_ID, Result(value=b"answer %d." % number)))
            return await answers

    answers = asyncio.run(scenario())
    assert statuses(answers) == [200] * 10
    places = [answers.index(b"answer %d." % number) for number in range(10)]
    assert places == sorted(places)


def test_a_bounded_number_of_pipelined_requests_runs_at_a_time() -> None:
    async def scenario() -> None:
        gateway = FakeGateway(lambda _: None)
        async with ingress(gateway, IngressLimits(pipelined=3)) as (server, _):
            answers = asyncio.ensure_future(speak(server.port, post(b"x") * 7 + post(b"x", CLOSE)))
            for done in range(8):
                await until(partial(has_more_than, gateway.replies, done))
                assert len(gateway.replies) <= done + 3
                gateway.replies[done](Ended(RAW_ID, Result(value=b"")))
            assert statuses(await answers) == [200] * 8

    asyncio.run(scenario())


def test_thousands_of_pipelined_requests_that_are_answered_at_once() -> None:
    count = 10_000
    answers, _ = exchange(b"GET /x HTTP/1.1\r\n\r\n" * count + b"GET /x HTTP/1.1\r\nconnection: close\r\n\r\n")
    assert statuses(answers) == [400] * (count + 1)


def test_an_error_waits_for_the_answers_before_it() -> None:
    async def scenario() -> bytes:
        gateway = FakeGateway(lambda _: None)
        async with ingress(gateway) as (server, _):
            answers = asyncio.ensure_future(speak(server.port, post(b"x") + b"nonsense\r\n\r\n"))
            await until(lambda: gateway.replies)
            gateway.replies[0](Ended(RAW_ID, Result(value=b"first")))
            return await answers

    answers = asyncio.run(scenario())
    assert statuses(answers) == [200, 400]
    assert b'"malformed HTTP/1.1 request"' in answers


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST /Svc/raw HTTP/1.1\r\ncontent-length: x\r\n\r\n",
        b"POST /Svc/raw HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"POST /Svc/raw HTTP/1.1\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /Svc/raw HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"POST /Svc/raw HTTP/1.1\r\nbad header\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_malformed_http(request_bytes: bytes) -> None:
    answers, gateway = exchange(request_bytes)
    assert statuses(answers) == [400]
    assert CLOSE in answers
    assert not gateway.commands


def test_old_clients() -> None:
    closed, _ = exchange(b"POST /Svc/noin HTTP/1.0\r\n\r\n")
    assert statuses(closed) == [200]
    kept, _ = exchange(b"POST /Svc/noin HTTP/1.0\r\nconnection: keep-alive\r\n\r\n" * 2 + post(b"", CLOSE))
    assert statuses(kept) == [200] * 3
    assert kept.count(b"connection: keep-alive\r\n") == 2


def test_a_head_request_gets_no_body() -> None:
    answers, _ = exchange(b"HEAD /Svc/noin HTTP/1.1\r\nconnection: close\r\n\r\n")
    assert statuses(answers) == [405]
    assert b"content-length: 62\r\n" in answers
    assert answers.endswith(b"\r\n\r\n")


def test_an_offered_upgrade_is_not_taken() -> None:
    upgrade = b"GET /Svc/noin HTTP/1.1\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n"
    answers, gateway = exchange(upgrade + post(b"after", CLOSE))
    assert statuses(answers) == [200, 200]
    assert bodies(gateway) == [b"", b"after"]


def test_an_offered_upgrade_with_a_body_is_not_taken_either() -> None:
    upgrade = post(b"abc", b"connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n")
    answers, gateway = exchange(upgrade + post(b"after", CLOSE))
    assert statuses(answers) == [200, 200]
    assert bodies(gateway) == [b"abc", b"after"]


def test_no_tunnel_is_on_offer() -> None:
    answers, gateway = exchange(b"CONNECT h:1 HTTP/1.1\r\nconnection: close\r\n\r\n")
    assert statuses(answers) == [400]
    assert not gateway.commands


def test_the_whole_url_as_target() -> None:
    answers, _ = exchange(b"GET http://h:1/Svc/noin?x=1 HTTP/1.1\r\nconnection: close\r\n\r\n")
    assert statuses(answers) == [200]


def test_targets_beyond_ascii() -> None:
    answers, _ = exchange("GET /Obj/ä/get HTTP/1.1\r\nconnection: close\r\n\r\n".encode())
    assert statuses(answers) == [400]


def test_expect_continue() -> None:
    async def scenario() -> bytes:
        gateway = FakeGateway()
        async with ingress(gateway) as (server, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(POST_RAW + CLOSE + b"expect: 100-continue\r\ncontent-length: 3\r\n\r\n")
            assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10) == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(b"abc")
            answer = await asyncio.wait_for(reader.read(-1), 10)
            writer.close()
            return answer

    assert asyncio.run(scenario()).endswith(b"abc")


def test_a_client_that_ends_its_side_still_gets_its_answer() -> None:
    answers, _ = exchange(post(b"abc"), end=True)
    assert answers.endswith(b"abc")


def test_a_client_that_leaves_changes_nothing() -> None:
    async def scenario() -> None:
        gateway = FakeGateway(lambda _: None)
        async with ingress(gateway, IngressLimits(linger_seconds=0)) as (server, client):
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(post(b"abc"))
            await until(lambda: gateway.replies)
            writer.transport.abort()
            gateway.answer = echo
            await until(lambda: not server.open_connections)
            gateway.replies[0](Ended(RAW_ID, Result(value=b"")))
            assert (await client.post("/Svc/noin")).status_code == 200

    asyncio.run(scenario())


def test_a_large_result() -> None:
    value = b"v" * 3_000_000

    def answer(command: AnyCommand) -> AnyOutcome:
        assert isinstance(command, Invoke)
        return Ended(command.invocation.id, Result(value=value))

    async def scenario() -> httpx.Response:
        async with ingress(FakeGateway(answer)) as (_, client):
            return await client.post("/Svc/noin")

    assert asyncio.run(scenario()).content == value


def test_a_body_of_exactly_the_limit() -> None:
    answers, gateway = exchange(post(b"x" * 1000, CLOSE), limits=IngressLimits(body_bytes=1000))
    assert statuses(answers) == [200]
    assert bodies(gateway) == [b"x" * 1000]


@pytest.mark.parametrize(
    "request_parts",
    [
        [post(b"x" * 1001)],
        [POST_RAW + b"content-length: 99999999\r\n\r\n"],
        [POST_RAW + b"transfer-encoding: chunked\r\n\r\n3e9\r\n" + b"x" * 1001 + b"\r\n0\r\n\r\n"],
        [POST_RAW + b"transfer-encoding: chunked\r\n\r\n", b"1f4\r\n" + b"x" * 500 + b"\r\n", b"1f5\r\n" + b"x" * 501],
    ],
)
def test_a_body_beyond_the_limit(request_parts: list[bytes]) -> None:
    answers, gateway = exchange(*request_parts, limits=IngressLimits(body_bytes=1000))
    assert statuses(answers) == [413]
    assert b"content-type: text/plain" in answers
    assert answers.endswith(b"\r\n\r\nlength limit exceeded")
    assert not gateway.commands


def test_a_refused_client_that_goes_on_sending_reads_its_answer() -> None:
    async def scenario() -> httpx.Response:
        async with ingress(FakeGateway(), IngressLimits(body_bytes=1000)) as (_, client):
            return await client.post("/Svc/raw", content=b"x" * 20_000_000, headers={"content-type": "x/y"})

    assert asyncio.run(scenario()).status_code == 413


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"GET /Svc/noin HTTP/1.1\r\nx: " + b"a" * 70_000 + b"\r\n\r\n",
        b"GET /Svc/noin HTTP/1.1\r\n" + b"x: a\r\n" * 300 + b"\r\n",
    ],
)
def test_a_head_beyond_the_limit(head: bytes) -> None:
    answers, gateway = exchange(head)
    assert statuses(answers) == [431]
    assert not gateway.commands


def test_a_head_without_end_is_refused() -> None:
    answers, _ = exchange(b"GET /Svc/noin HTTP/1.1\r\nx: ", *[b"a" * 65_536] * 12)
    assert statuses(answers) == [431]


@pytest.mark.parametrize("trailer", [b"x: a\r\n" * 30_000, b"x: " + b"a" * 1_000_000])
def test_what_follows_a_chunked_body_is_bounded(trailer: bytes) -> None:
    cut = len(trailer) // 3
    answers, gateway = exchange(
        POST_RAW + b"transfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n",
        trailer[:cut],
        trailer[cut : 2 * cut],
        trailer[2 * cut :],
    )
    assert statuses(answers) == [431]
    assert not gateway.commands


def test_what_follows_a_chunked_body_is_dropped() -> None:
    answers, gateway = exchange(
        POST_RAW + CLOSE + b"transfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx-late: 1\r\n\r\n"
    )
    assert statuses(answers) == [200]
    (command,) = gateway.commands
    assert isinstance(command, Invoke)
    assert all(header.key != "x-late" for header in command.input.headers)


def test_all_incoming_bodies_together_are_bounded() -> None:
    answers, _ = exchange(
        POST_RAW + b"content-length: 3000\r\n\r\n" + b"x" * 2000, limits=IngressLimits(buffered_body_bytes=1000)
    )
    assert statuses(answers) == [503]


def test_connections_are_bounded() -> None:
    async def scenario() -> None:
        async with ingress(FakeGateway(), IngressLimits(connections=1)) as (server, client):
            assert (await client.post("/Svc/noin")).status_code == 200
            assert statuses(await speak(server.port)) == [503]
            assert (await client.post("/Svc/noin")).status_code == 200

    asyncio.run(scenario())


def test_slow_and_silent_clients() -> None:
    limits = IngressLimits(head_seconds=0, body_seconds=0, idle_seconds=0, linger_seconds=0)

    async def scenario() -> tuple[bytes, bytes, bytes, bytes]:
        async with ingress(FakeGateway(), limits) as (server, _):
            return await asyncio.gather(
                speak(server.port, b"POST /Svc/raw HT"),
                speak(server.port, POST_RAW + b"content-length: 3\r\n\r\nab"),
                speak(server.port),
                speak(server.port, post(b"x")),
            )

    head, body, silent, idle = asyncio.run(scenario())
    assert statuses(head) == [408]
    assert statuses(body) == [408]
    assert silent == b""
    assert statuses(idle) == [200]


def test_a_long_call_is_not_slow() -> None:
    limits = IngressLimits(head_seconds=0, body_seconds=0, idle_seconds=0)

    async def scenario() -> bytes:
        gateway = FakeGateway(lambda _: None)
        async with ingress(gateway, limits) as (server, _):
            answers = asyncio.ensure_future(speak(server.port, post(b"x", CLOSE)))
            silent = asyncio.ensure_future(speak(server.port))
            assert await silent == b""
            gateway.replies[0](Ended(RAW_ID, Result(value=b"late")))
            return await answers

    assert asyncio.run(scenario()).endswith(b"late")


def test_a_client_that_does_not_read_is_dropped() -> None:
    async def scenario() -> None:
        gateway = FakeGateway(lambda command: Ended(RAW_ID, Result(value=b"v" * 20_000_000)))
        async with ingress(gateway, IngressLimits(write_seconds=0)) as (server, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
            writer.write(post(b"x"))
            await until(lambda: gateway.commands and not server.open_connections)
            writer.close()
            assert reader is not None

    asyncio.run(asyncio.wait_for(scenario(), 20))


def test_a_stopping_server_ends_what_runs_and_takes_nothing_new() -> None:
    async def scenario() -> None:
        gateway = FakeGateway(lambda _: None)
        async with ingress(gateway) as (server, _):
            running = asyncio.ensure_future(speak(server.port, post(b"x")))
            idle = asyncio.ensure_future(speak(server.port))
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"POST /Svc/ra")
            await until(lambda: gateway.replies and server.open_connections == 3)
            stopping = asyncio.ensure_future(server.stop(10))
            assert await idle == b""
            writer.write(b"w HTTP/1.1\r\n\r\n")
            assert statuses(await asyncio.wait_for(reader.read(-1), 10)) == [503]
            writer.close()
            gateway.replies[0](Ended(RAW_ID, Result(value=b"done")))
            answer = await running
            assert answer.endswith(b"done")
            assert CLOSE in answer
            await asyncio.wait_for(stopping, 5)
            with pytest.raises(OSError):
                await asyncio.open_connection("127.0.0.1", server.port)

    asyncio.run(scenario())


def test_a_stopping_server_waits_no_longer_than_the_deadline() -> None:
    async def scenario() -> None:
        gateway = FakeGateway(lambda _: None)
        async with ingress(gateway) as (server, _):
            running = asyncio.ensure_future(speak(server.port, post(b"x")))
            await until(lambda: gateway.replies)
            await server.stop(0.05)
            results = await asyncio.gather(running, return_exceptions=True)
            assert isinstance(results[0], ConnectionError) or results[0] == b""

    asyncio.run(scenario())


def test_a_port_in_use_is_one_clear_error() -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            async with ingress(FakeGateway()) as (server, _):
                other = IngressServer(server._gateway, IngressLimits(), server.counters)
                with pytest.raises(CannotListen, match=rf"127\.0\.0\.1:{port}: the port is in use.*ingress\.bind-port"):
                    await other.start("127.0.0.1", port)

    asyncio.run(scenario())
