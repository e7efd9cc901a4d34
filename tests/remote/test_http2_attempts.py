"""Attempts over HTTP/2 by both libraries, and deployments that misbehave."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest
from fake_endpoint import FakeEndpoint, Handler, run
from h2.errors import ErrorCodes
from remote_caller import ECHOED, MIB, QUICK, Caller, done, echo, outcome, pool_at
from scripted_transport import INPUT

from odradek.protocol import messages as m
from odradek_engine.invoker.remote import connecting, http2_connection
from odradek_engine.invoker.remote.attempt import State
from odradek_engine.invoker.remote.http2_h2 import H2Codec
from odradek_engine.invoker.remote.http2_ngh2 import Ngh2Codec
from odradek_engine.invoker.remote.transport import UNSENT_BYTES
from until import until


@pytest.fixture(params=[Ngh2Codec, H2Codec], ids=["ngh2", "h2"])
def http2(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every HTTP/2 connection by the one library, then by the other."""
    monkeypatch.setattr(connecting, "new_codec", request.param)


@pytest.mark.usefixtures("http2")
class TestHttp2:
    def test_a_duplex_conversation(self) -> None:
        async def behave(exchange: Any) -> None:
            handler = Handler(exchange)
            await handler.begin()
            await handler.say(m.RunCommand(1, "a"), m.ProposeRunCompletion(1, b"r"))
            assert await handler.message() == m.ProposeRunCompletionAck(1)
            await handler.say(m.SleepCommand(9, 2, ""))
            assert await handler.message() == m.SleepCompletion(2)
            assert await handler.message() is None
            await handler.say(m.Suspension(m.Future((3,), (1,), combinator=m.Combinator.FIRST_COMPLETED)))
            await exchange.end()

        async def test() -> None:
            endpoint = FakeEndpoint(behave)
            async with endpoint.listening() as url:
                pool = pool_at(f"{url}/pre/fix/")
                engine, attempt = Caller(pool).begin(key="a b/ü")
                await until(lambda: len(engine.messages) == 2)
                attempt.deliver([m.ProposeRunCompletionAck(1)])
                await until(lambda: len(engine.messages) == 3)
                attempt.deliver([m.SleepCompletion(2)])
                attempt.close_input()
                await until(lambda: len(engine.messages) == 4)
                (exchange,) = endpoint.exchanges
                assert exchange.path == "/pre/fix/invoke/S/h"
                sent = exchange.headers
                assert sent["x-restate-service-key"] == "a%20b%2F%C3%BC"
                assert sent["x-restate-invocation-id"] == "inv_1"
                assert sent["x-team"] == "a"
                assert sent["accept"] == sent["content-type"] == "application/vnd.restate.invocation.v7"
                assert sent[":authority"] == f"localhost:{endpoint.port}"
                await pool.close()

        run(test())

    def test_attempts_share_a_connection_until_it_is_full(self) -> None:
        release = asyncio.Event()

        async def behave(exchange: Any) -> None:
            handler = Handler(exchange)
            await handler.begin()
            await release.wait()
            await handler.say(m.OutputCommand(b""), m.End())
            await exchange.end()

        async def test() -> None:
            endpoint = FakeEndpoint(behave, MAX_CONCURRENT_STREAMS=4)
            async with endpoint.listening() as url:
                pool = pool_at(url)
                caller = Caller(pool)
                caller.begin()
                await until(lambda: len(endpoint.exchanges) == 1)
                for _ in range(9):
                    caller.begin()
                await until(lambda: len(endpoint.exchanges) == 10)
                assert len(endpoint.connections) == 3
                release.set()
                await until(lambda: all(done(engine) for engine in caller.engines))
                caller.begin()
                await until(lambda: done(caller.engines[-1]))
                assert len(endpoint.connections) == 3
                await pool.close()

        run(test())

    def test_payloads_of_the_full_size_pass_both_ways(self) -> None:
        payload = bytes(range(256)) * (32 * MIB // 256)

        async def test() -> None:
            endpoint = FakeEndpoint(echo)
            async with endpoint.listening() as url:
                pool = pool_at(url)
                engine, _ = Caller(pool).begin(m.InputCommand((), payload))
                await until(lambda: done(engine))
                assert outcome(engine) == [m.OutputCommand(payload), m.End()]
                await pool.close()

        run(test())

    def test_a_handler_that_does_not_read_holds_up_nobody_else(self) -> None:
        async def behave(exchange: Any) -> None:
            if len(endpoint.exchanges) > 1:
                await echo(exchange)

        async def test() -> None:
            async with endpoint.listening() as url:
                endpoint.reads_nothing = True
                pool = pool_at(url)
                caller = Caller(pool)
                _, deaf = caller.begin(m.InputCommand((), bytes(4 * MIB)), *(m.RunCompletion(9, bytes(MIB)),) * 20)
                await until(lambda: endpoint.received_bytes >= 30_000)
                engine, _ = caller.begin()
                endpoint.reads_nothing = False
                await until(lambda: done(engine))
                assert outcome(engine) == ECHOED
                assert deaf._stream.unsent_bytes <= UNSENT_BYTES + 5 * MIB
                deaf.abort()
                await pool.close()

        endpoint = FakeEndpoint(behave, INITIAL_WINDOW_SIZE=30_000)
        run(test())

    def test_goaway_fails_no_attempt(self) -> None:
        release = asyncio.Event()

        async def behave(exchange: Any) -> None:
            handler = Handler(exchange)
            if exchange.number == 3 and exchange.connection is endpoint.connections[0]:
                exchange.connection.say_goaway(1)
                return
            await handler.begin()
            if exchange.connection is endpoint.connections[0]:
                await release.wait()
            await handler.say(m.OutputCommand(INPUT.value), m.End())
            await exchange.end()

        async def test() -> None:
            async with endpoint.listening() as url:
                pool = pool_at(url)
                caller = Caller(pool)
                seen, _ = caller.begin()
                await until(lambda: endpoint.exchanges)
                refused, _ = caller.begin()
                await until(lambda: done(refused))
                later, _ = caller.begin()
                await until(lambda: done(later))
                assert not seen.messages
                release.set()
                await until(lambda: done(seen))
                for engine in (seen, refused, later):
                    assert outcome(engine) == ECHOED
                assert len(endpoint.connections) == 2
                await until(lambda: endpoint.connections[0].lost)
                await pool.close()

        endpoint = FakeEndpoint(behave)
        run(test())

    def test_a_refused_stream_is_opened_again(self) -> None:
        async def behave(exchange: Any) -> None:
            if len(endpoint.exchanges) == 1:
                exchange.reset(ErrorCodes.REFUSED_STREAM)
            else:
                await echo(exchange)

        async def test() -> None:
            async with endpoint.listening() as url:
                pool = pool_at(url)
                engine, _ = Caller(pool).begin()
                await until(lambda: done(engine))
                assert outcome(engine) == ECHOED
                await pool.close()

        endpoint = FakeEndpoint(behave)
        run(test())

    def test_a_connection_is_left_before_servers_drop_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(http2_connection, "REQUESTS_MAX", 3)

        async def test() -> None:
            endpoint = FakeEndpoint(echo)
            async with endpoint.listening() as url:
                pool = pool_at(url)
                caller = Caller(pool)
                for _ in range(7):
                    engine, _ = caller.begin()
                    await until(partial(done, engine))
                    assert outcome(engine) == ECHOED
                assert len(endpoint.connections) == 3
                await until(lambda: [one.lost for one in endpoint.connections] == [True, True, False])
                await pool.close()

        run(test())

    def test_a_silent_connection_is_asked_whether_it_lives(self) -> None:
        async def behave(exchange: Any) -> None:
            await Handler(exchange).begin()

        async def test() -> None:
            endpoint = FakeEndpoint(behave)
            async with endpoint.listening() as url:
                pool = pool_at(url, timing=QUICK)
                engine, _ = Caller(pool).begin()
                await until(lambda: endpoint.pings >= 2)
                assert engine.failures == []
                endpoint.mute = True
                await until(lambda: done(engine))
                assert engine.code == "RT0010"
                assert "ping" in engine.failures[0][0].message
                await pool.close()

        run(test())

    def test_an_idle_connection_is_closed(self) -> None:
        async def test() -> None:
            endpoint = FakeEndpoint(echo)
            async with endpoint.listening() as url:
                pool = pool_at(url, timing=QUICK)
                engine, _ = Caller(pool).begin()
                await until(lambda: done(engine))
                await until(lambda: endpoint.connections[0].lost)
                await until(lambda: pool.idle)
                again, _ = Caller(pool).begin()
                await until(lambda: done(again))
                assert outcome(again) == ECHOED
                await pool.close()

        run(test())

    def test_a_response_that_does_not_end_is_broken_off_after_a_while(self) -> None:
        async def behave(exchange: Any) -> None:
            handler = Handler(exchange)
            await handler.begin()
            await handler.say(m.OutputCommand(b"in"), m.End())
            assert await handler.message() is None
            await exchange.write(b"never asked for")

        async def test() -> None:
            endpoint = FakeEndpoint(behave)
            async with endpoint.listening() as url:
                pool = pool_at(url, timing=QUICK._replace(idle=60.0))
                engine, _ = Caller(pool).begin()
                await until(lambda: done(engine))
                assert outcome(engine) == ECHOED
                await until(lambda: endpoint.exchanges[0].was_reset)
                assert not endpoint.connections[0].lost
                await pool.close()

        run(test())

    def test_an_abort_reaches_the_other_side(self) -> None:
        async def behave(exchange: Any) -> None:
            await Handler(exchange).begin()

        async def test() -> None:
            endpoint = FakeEndpoint(behave)
            async with endpoint.listening() as url:
                pool = pool_at(url)
                engine, attempt = Caller(pool).begin()
                await until(lambda: attempt.state is State.TALKING)
                attempt.abort()
                await until(lambda: endpoint.exchanges[0].was_reset)
                assert engine.failures == []
                await pool.close()

        run(test())

    @pytest.mark.parametrize("moment", ["before the answer", "after it", "within a frame"])
    def test_a_process_that_dies_fails_the_attempt(self, moment: str) -> None:
        async def behave(exchange: Any) -> None:
            handler = Handler(exchange)
            if moment != "before the answer":
                await handler.begin()
                await handler.say(m.RunCommand(1, ""))
            if moment == "within a frame":
                await exchange.write(b"\x04\x11\0\0\0\0")
            exchange.connection.transport.abort()

        async def test() -> None:
            endpoint = FakeEndpoint(behave)
            async with endpoint.listening() as url:
                pool = pool_at(url)
                engine, _ = Caller(pool).begin()
                await until(lambda: done(engine))
                assert engine.code == "RT0010"
                await pool.close()

        run(test())

    def test_a_reset_fails_the_attempt(self) -> None:
        async def behave(exchange: Any) -> None:
            await Handler(exchange).begin()
            exchange.reset()

        async def test() -> None:
            endpoint = FakeEndpoint(behave)
            async with endpoint.listening() as url:
                pool = pool_at(url)
                engine, _ = Caller(pool).begin()
                await until(lambda: done(engine))
                assert engine.code == "RT0010"
                await pool.close()

        run(test())

    def test_stopping_fails_what_runs_and_what_comes(self) -> None:
        async def behave(exchange: Any) -> None:
            await Handler(exchange).begin()

        async def test() -> None:
            endpoint = FakeEndpoint(behave)
            async with endpoint.listening() as url:
                pool = pool_at(url)
                caller = Caller(pool)
                running, attempt = caller.begin()
                await until(lambda: attempt.state is State.TALKING)
                await pool.close()
                late, _ = caller.begin()
                await until(lambda: running.failures)
                assert [running.code, late.code] == ["RT0010", "RT0010"]

        run(test())

    @pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"<html>", bytes(100)])
    def test_what_is_no_http2_fails_the_attempt(self, answer: bytes) -> None:
        async def test() -> None:
            async def talk_nonsense(_: Any, writer: asyncio.StreamWriter) -> None:
                writer.write(answer)
                await writer.drain()
                writer.write_eof()

            server = await asyncio.start_server(talk_nonsense, "127.0.0.1", 0)
            pool = pool_at(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
            engine, _ = Caller(pool).begin()
            await until(lambda: done(engine))
            assert engine.code == "RT0010"
            await pool.close()
            server.close()

        run(test())

    def test_a_byte_at_a_time(self) -> None:
        async def behave(exchange: Any) -> None:
            handler = Handler(exchange)
            await handler.begin()
            for byte in b"".join(map(handler.codec.encode, ECHOED)):
                await exchange.write(bytes((byte,)))
                await asyncio.sleep(0)
            await exchange.end()

        async def test() -> None:
            endpoint = FakeEndpoint(behave)
            async with endpoint.listening() as url:
                pool = pool_at(url)
                engine, _ = Caller(pool).begin()
                await until(lambda: done(engine))
                assert outcome(engine) == ECHOED
                await pool.close()

        run(test())
