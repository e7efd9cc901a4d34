"""Attempts over HTTP/1.1, and deployments that misbehave."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from fake_endpoint import FakeEndpoint, Handler, run
from remote_caller import ECHOED, MIB, PATIENT, QUICK, Caller, done, echo, outcome, pool_at
from scripted_transport import INPUT, ListeningEngine

from odradek.protocol import messages as m
from odradek_engine.invoker.remote.attempt import State
from odradek_engine.invoker.remote.transport import Timing
from until import until


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
