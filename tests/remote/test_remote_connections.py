"""Attempts over real sockets: both HTTP/2 codecs, HTTP/1.1, TLS, and deployments that misbehave."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fake_endpoint import FakeEndpoint, Handler, run, until
from h2.errors import ErrorCodes
from scripted_transport import INPUT, ListeningEngine
from tls_files import TlsPair, make_tls_files

from odradek.protocol import messages as m
from odradek.protocol.codec import CODECS
from odradek_engine.invoker.remote import connecting, http2_connection
from odradek_engine.invoker.remote.address import Address, parse_address
from odradek_engine.invoker.remote.attempt import State, Terms
from odradek_engine.invoker.remote.connecting import BadTlsFile, Connector, Pool, TlsFiles
from odradek_engine.invoker.remote.endpoint import RemoteEndpoint
from odradek_engine.invoker.remote.http2_h2 import H2Codec
from odradek_engine.invoker.remote.http2_ngh2 import Ngh2Codec
from odradek_engine.invoker.remote.transport import UNSENT_BYTES, Timing

MIB = 1024 * 1024
QUICK = Timing(connect=0.3, ping_after=0.05, pong_within=0.1, idle=0.1, drain=0.1, check=0.01)
PATIENT = Timing()


class Caller:
    """An engine with a deployment."""

    def __init__(self, pool: Pool, *, version: int = 7, duplex: bool = True) -> None:
        terms = Terms(CODECS[version], "there", duplex, 33 * MIB, lambda: 0)
        self.endpoint = RemoteEndpoint(terms, pool, {"x-team": "a"})
        self.engines: list[ListeningEngine] = []
        self.attempts: list[Any] = []

    def begin(self, *journal: Any, key: str = "") -> tuple[ListeningEngine, Any]:
        entries = journal or (INPUT,)
        start = m.Start(b"i" * 24, "inv_1", len(entries), {}, False, key, 0, 0, 7)
        engine = ListeningEngine()
        attempt = self.endpoint.start("S", "h", start, entries, engine)
        self.engines.append(engine)
        self.attempts.append(attempt)
        return engine, attempt


def pool_at(url: str, *, http1: bool = False, timing: Timing = PATIENT, tls: TlsFiles = TlsFiles()) -> Pool:
    return Connector(timing, tls=tls).pool(parse_address(url), http1=http1)


async def echo(exchange: Any) -> None:
    """A handler that ends with its input."""
    handler = Handler(exchange)
    _, entry, *_ = await handler.begin()
    await handler.say(m.OutputCommand(entry.value), m.End())
    await exchange.end()


def done(engine: ListeningEngine) -> bool:
    return bool(engine.messages and isinstance(engine.messages[-1], m.End)) or bool(engine.failures)


def outcome(engine: ListeningEngine) -> Any:
    assert engine.failures == []
    return engine.messages


ECHOED = [m.OutputCommand(INPUT.value), m.End()]


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


class TestConnecting:
    def test_nobody_listens(self) -> None:
        async def test() -> None:
            server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
            port = server.sockets[0].getsockname()[1]
            server.close()
            await server.wait_closed()
            pool = pool_at(f"http://127.0.0.1:{port}")
            caller = Caller(pool)
            for _ in range(300):
                caller.begin()
            await until(lambda: all(engine.failures for engine in caller.engines))
            assert {engine.code for engine in caller.engines} == {"RT0010"}
            assert pool.idle
            await pool.close()

        run(test())

    def test_nobody_answers(self) -> None:
        async def test() -> None:
            server = await asyncio.start_server(lambda *_: asyncio.sleep(60), "127.0.0.1", 0)
            port = server.sockets[0].getsockname()[1]
            pool = pool_at(f"https://127.0.0.1:{port}", timing=QUICK)
            engine, _ = Caller(pool).begin()
            await until(lambda: done(engine))
            assert engine.code == "RT0010"
            assert "within 0.3 s" in engine.failures[0][0].message
            await pool.close()
            server.close()

        run(test())

    @pytest.mark.parametrize(
        ("uri", "found"),
        [
            ("http://h", Address("http", "h", 80, "")),
            ("https://h/", Address("https", "h", 443, "")),
            ("http://h:9080/a/b/", Address("http", "h", 9080, "/a/b")),
            ("http://[::1]:9", Address("http", "::1", 9, "")),
        ],
    )
    def test_addresses(self, uri: str, found: Address) -> None:
        assert parse_address(uri) == found
        assert parse_address(str(found)) == found

    @pytest.mark.parametrize(
        "uri",
        [
            "",
            "h",
            "/x",
            "localhost:9080",
            "ftp://h",
            "http://",
            "http://h:x",
            "http://h:99999",
            "http://u@h",
            "http://h?q",
            "http://h#f",
            "http://h/a b",
            "http://h/\r\n",
            "http://ü",
        ],
    )
    def test_what_is_no_address(self, uri: str) -> None:
        with pytest.raises(ValueError, match="uri"):
            parse_address(uri)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> TlsPair:
    return make_tls_files(tmp_path_factory.mktemp("tls"))


class TestTls:
    def context(self, files: TlsPair, *protocols: str) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=files.authority)
        context.load_cert_chain(files.certificate, files.key)
        context.set_alpn_protocols(list(protocols))
        return context

    def attempt(self, endpoint: FakeEndpoint, server: ssl.SSLContext, tls: TlsFiles) -> ListeningEngine:
        engines: list[ListeningEngine] = []

        async def test() -> None:
            async with endpoint.listening(server) as url:
                pool = pool_at(url, http1=endpoint.http1, tls=tls)
                engine, _ = Caller(pool, duplex=not endpoint.http1).begin()
                engines.append(engine)
                await until(lambda: done(engine))
                await pool.close()

        run(test())
        return engines[0]

    @pytest.mark.parametrize("http1", [False, True])
    def test_with_an_authority_of_ones_own(self, files: TlsPair, http1: bool) -> None:
        endpoint = FakeEndpoint(echo, http1=http1)
        server = self.context(files, "http/1.1" if http1 else "h2")
        assert outcome(self.attempt(endpoint, server, TlsFiles(files.authority))) == ECHOED

    def test_with_a_certificate_of_ones_own(self, files: TlsPair) -> None:
        server = self.context(files, "h2")
        server.verify_mode = ssl.CERT_REQUIRED
        own = TlsFiles(files.authority, files.certificate, files.key)
        assert outcome(self.attempt(FakeEndpoint(echo), server, own)) == ECHOED

    def test_an_unknown_authority(self, files: TlsPair) -> None:
        engine = self.attempt(FakeEndpoint(echo), self.context(files, "h2"), TlsFiles())
        assert engine.code == "RT0010"
        assert "certificate" in engine.failures[0][0].message

    def test_a_server_without_http2(self, files: TlsPair) -> None:
        engine = self.attempt(FakeEndpoint(echo), self.context(files, "http/1.1"), TlsFiles(files.authority))
        assert engine.code == "RT0010"
        assert "does not offer HTTP/2" in engine.failures[0][0].message

    def test_files_that_cannot_be_used(self, tmp_path: Path) -> None:
        with pytest.raises(BadTlsFile, match="no-such"):
            Connector(tls=TlsFiles(tmp_path / "no-such.pem"))


class TestHttp1:
    def attempt_once(
        self, behaviour: Callable[[Any], Any], journal: tuple[Any, ...] = (INPUT,), timing: Timing = PATIENT
    ) -> ListeningEngine:
        engines: list[ListeningEngine] = []

        async def test() -> None:
            endpoint = FakeEndpoint(behaviour, http1=True)
            async with endpoint.listening() as url:
                pool = pool_at(f"{url}/base", http1=True, timing=timing)
                engine, _ = Caller(pool, duplex=False).begin(*journal)
                engines.append(engine)
                await until(lambda: done(engine))
                assert endpoint.exchanges[0].path == "/base/invoke/S/h"
                await pool.close()

        run(test())
        return engines[0]

    def test_request_and_response(self) -> None:
        assert outcome(self.attempt_once(echo)) == ECHOED

    def test_payloads_of_the_full_size_pass_both_ways(self) -> None:
        payload = bytes(32 * MIB)
        found = outcome(self.attempt_once(echo, (m.InputCommand((), payload),)))
        assert found == [m.OutputCommand(payload), m.End()]

    def test_connections_are_used_again(self) -> None:
        async def test() -> None:
            endpoint = FakeEndpoint(echo, http1=True)
            async with endpoint.listening() as url:
                pool = pool_at(url, http1=True)
                caller = Caller(pool, duplex=False)
                for _ in range(3):
                    engine, _ = caller.begin()
                    await until(partial(done, engine))
                assert len(endpoint.connections) == 1
                for _ in range(5):
                    caller.begin()
                await until(lambda: all(done(engine) for engine in caller.engines))
                assert [outcome(engine) for engine in caller.engines] == [ECHOED] * 8
                assert 1 < len(endpoint.connections) <= 6
                await pool.close()

        run(test())

    def test_a_connection_that_was_closed_while_idle_costs_nothing(self) -> None:
        async def test() -> None:
            endpoint = FakeEndpoint(echo, http1=True)
            async with endpoint.listening() as url:
                pool = pool_at(url, http1=True)
                caller = Caller(pool, duplex=False)
                engine, _ = caller.begin()
                await until(lambda: done(engine))
                endpoint.behaviour = hang_up_once
                again, _ = caller.begin()
                await until(lambda: done(again))
                assert outcome(again) == ECHOED
                await pool.close()

        async def hang_up_once(exchange: Any) -> None:
            if not hung_up:
                hung_up.append(True)
                exchange.connection.transport.close()
            else:
                await echo(exchange)

        hung_up: list[bool] = []
        run(test())

    def test_a_body_that_ends_with_the_connection(self) -> None:
        async def behave(exchange: Any) -> None:
            handler = Handler(exchange)
            await exchange.respond(200, {"content-type": exchange.headers["content-type"], "connection": "close"})
            await handler.say(*ECHOED)
            exchange.connection.transport.close()

        assert outcome(self.attempt_once(behave)) == ECHOED

    def test_a_provisional_response_comes_first(self) -> None:
        async def behave(exchange: Any) -> None:
            exchange.connection.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            await echo(exchange)

        assert outcome(self.attempt_once(behave)) == ECHOED

    @pytest.mark.parametrize(
        ("raw", "code"),
        [
            (b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 0\r\n\r\n", "RT0012"),
            (b"HTTP/1.1 503 Busy\r\nretry-after: 1\r\ncontent-length: 4\r\n\r\nbusy", "RT0023"),
            (b"HTTP/1.1 200 OK\r\nx: " + b"x" * 70_000 + b"\r\n\r\n", "RT0010"),
            (b"nonsense\r\n\r\n", "RT0010"),
            (b"", "RT0010"),
        ],
    )
    def test_bad_answers_fail_the_attempt(self, raw: bytes, code: str) -> None:
        async def behave(exchange: Any) -> None:
            exchange.connection.transport.write(raw)
            exchange.connection.transport.close()

        assert self.attempt_once(behave).code == code

    def test_a_body_that_is_cut_off_fails_the_attempt(self) -> None:
        async def behave(exchange: Any) -> None:
            await Handler(exchange).begin()
            await exchange.write(b"\x04\x11")
            exchange.connection.transport.close()

        assert self.attempt_once(behave).code == "RT0010"

    def test_an_abort_closes_the_connection(self) -> None:
        async def behave(exchange: Any) -> None:
            await Handler(exchange).begin()

        async def test() -> None:
            endpoint = FakeEndpoint(behave, http1=True)
            async with endpoint.listening() as url:
                pool = pool_at(url, http1=True)
                engine, attempt = Caller(pool, duplex=False).begin()
                await until(lambda: attempt.state is State.TALKING)
                attempt.abort()
                await until(lambda: endpoint.connections[0].lost)
                assert engine.failures == []
                await pool.close()

        run(test())

    def test_an_idle_connection_is_closed(self) -> None:
        async def test() -> None:
            endpoint = FakeEndpoint(echo, http1=True)
            async with endpoint.listening() as url:
                pool = pool_at(url, http1=True, timing=QUICK)
                engine, _ = Caller(pool, duplex=False).begin()
                await until(lambda: done(engine))
                await until(lambda: endpoint.connections[0].lost)
                await pool.close()

        run(test())
