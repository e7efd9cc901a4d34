"""What follows failed and silent attempts: at a node of ours, and at the real server, with the same outcome."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import pytest
from fake_endpoint import Handler
from scripted_deployment import ScriptedDeployment, answer_with_input, service
from twin_server import Server

from live_node import wait_until
from odradek.protocol import messages as m

pytestmark = pytest.mark.live

HOUR_MS = 3_600_000
QUICK = {"retryPolicyInitialInterval": 10, "retryPolicyMaxInterval": 20}


class Failing:
    """Does as `fail` says so many times, then answers. `times`: when each attempt came."""

    def __init__(self, fail: Callable[[Any], Awaitable[None]], failures: int = 10_000) -> None:
        self._fail = fail
        self._failures = failures
        self.times: list[float] = []

    async def __call__(self, exchange: Any) -> None:
        self.times.append(time.monotonic())
        await (self._fail if len(self.times) <= self._failures else answer_with_input)(exchange)


def an_error(message: str = "no tea", **details: Any) -> Callable[[Any], Awaitable[None]]:
    async def fail(exchange: Any) -> None:
        handler = Handler(exchange)
        await handler.begin()
        await handler.say(m.Error(500, message, **details))
        await exchange.end()

    return fail


def a_status(status: int, **headers: str) -> Callable[[Any], Awaitable[None]]:
    async def fail(exchange: Any) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        await exchange.respond(status, {"content-type": "text/plain", **named})
        await exchange.end()

    return fail


def row_of(server: Server, invocation: str) -> dict[str, Any]:
    (row,) = server.rows(f"SELECT * FROM sys_invocation WHERE id = '{invocation}'")
    return row


class TestPolicies:
    def test_kill_after_the_attempts_of_the_service_s_policy(self, server: Server, name: str) -> None:
        policy = {**QUICK, "retryPolicyMaxAttempts": 3, "retryPolicyOnMaxAttempts": "KILL"}
        deployment = ScriptedDeployment(service(name, "h", **policy))
        deployment.handle = Failing(an_error())
        with deployment.serving() as url:
            server.register(url)
            answer = server.call(f"{name}/h")
        assert answer.status_code == 500
        assert "no tea" in answer.json()["message"]
        assert len(deployment.invoked) == 3

    def test_a_handler_s_own_settings_come_before_those_of_its_service(self, server: Server, name: str) -> None:
        policy = {**QUICK, "retryPolicyMaxAttempts": 7, "retryPolicyOnMaxAttempts": "KILL"}
        one = {"name": "h", "retryPolicyMaxAttempts": 2, "retryPolicyOnMaxAttempts": "PAUSE"}
        deployment = ScriptedDeployment(service(name, one, **policy))
        deployment.handle = Failing(an_error())
        with deployment.serving() as url:
            server.register(url)
            invocation = server.send(f"{name}/h", 1)
            wait_until(lambda: row_of(server, invocation)["status"] == "paused", "the invocation is paused")
            assert len(deployment.invoked) == 2
            deployment.handle = Failing(an_error(), failures=1)
            server.admin("PATCH", f"/invocations/{invocation}/resume")
            assert server.attach(invocation) == 1
            assert len(deployment.invoked) == 4

    def test_delays_grow_up_to_their_bound(self, server: Server, name: str) -> None:
        policy = {
            "retryPolicyInitialInterval": 100,
            "retryPolicyExponentiationFactor": 2.0,
            "retryPolicyMaxInterval": 300,
        }
        deployment = ScriptedDeployment(service(name, "h", **policy))
        deployment.handle = failing = Failing(an_error(), failures=4)
        with deployment.serving() as url:
            server.register(url)
            assert server.call(f"{name}/h", 1).json() == 1
        delays = [later - earlier for earlier, later in pairwise(failing.times)]
        assert all(delay >= least for delay, least in zip(delays, (0.1, 0.2, 0.3, 0.3), strict=True))


class TestWishes:
    @pytest.mark.parametrize("status", [429, 503])
    def test_rate_limited_attempts_are_not_counted(self, server: Server, name: str, status: int) -> None:
        policy = {**QUICK, "retryPolicyMaxAttempts": 2, "retryPolicyOnMaxAttempts": "KILL"}
        deployment = ScriptedDeployment(service(name, "h", **policy))
        deployment.handle = failing = Failing(a_status(status, retry_after="1"), failures=2)
        with deployment.serving() as url:
            server.register(url)
            assert server.call(f"{name}/h", 1).json() == 1
        assert all(later - earlier >= 1 for earlier, later in pairwise(failing.times))

    @pytest.mark.parametrize(
        "failure",
        [
            a_status(404, retry_after="1"),
            a_status(500, retry_after="1"),
            a_status(502, retry_after="1"),
            a_status(429),
            a_status(503),
        ],
    )
    def test_others_and_those_that_do_not_say_when_to_come_back_are_counted(
        self, server: Server, name: str, failure: Callable[[Any], Awaitable[None]]
    ) -> None:
        policy = {**QUICK, "retryPolicyMaxAttempts": 2, "retryPolicyOnMaxAttempts": "KILL"}
        deployment = ScriptedDeployment(service(name, "h", **policy))
        deployment.handle = Failing(failure, failures=4)
        with deployment.serving() as url:
            server.register(url)
            assert server.call(f"{name}/h", 1).status_code == 500
        assert len(deployment.invoked) == 2

    def test_a_delay_that_the_handler_asks_for_is_not_counted(self, server: Server, name: str) -> None:
        policy = {"retryPolicyInitialInterval": 60_000, "retryPolicyMaxAttempts": 2, "retryPolicyOnMaxAttempts": "KILL"}
        deployment = ScriptedDeployment(service(name, "h", **policy))
        deployment.handle = Failing(an_error(next_retry_delay=10), failures=5)
        with deployment.serving() as url:
            server.register(url)
            assert server.call(f"{name}/h", 1).json() == 1
        assert len(deployment.invoked) == 6

    def test_the_handler_may_ask_for_a_pause_or_the_end(self, server: Server, name: str) -> None:
        deployment = ScriptedDeployment(service(name, "h", **QUICK))
        with deployment.serving() as url:
            server.register(url)
            deployment.handle = Failing(an_error(behavior=m.ErrorBehavior.PAUSE))
            invocation = server.send(f"{name}/h", 1)
            wait_until(lambda: row_of(server, invocation)["status"] == "paused", "the invocation is paused")
            server.admin("PATCH", f"/invocations/{invocation}/kill")
            deployment.handle = Failing(an_error("never", behavior=m.ErrorBehavior.FAIL))
            assert server.call(f"{name}/h", 1).json()["message"] == "never"


class TestSilence:
    @pytest.mark.parametrize("level", ["service", "handler"])
    def test_a_silent_handler_is_asked_to_suspend(self, server: Server, name: str, level: str) -> None:
        own = {"inactivityTimeout": 200}
        one = {"name": "h", **(own if level == "handler" else {})}
        deployment = ScriptedDeployment(
            service(name, one, **(own if level == "service" else {"inactivityTimeout": 60_000}))
        )
        silent: list[float] = []

        async def wait(exchange: Any) -> None:
            handler = Handler(exchange)
            await handler.begin()
            await handler.say(m.SleepCommand(int(time.time() * 1000) + HOUR_MS, 1, ""))
            began = time.monotonic()
            assert await handler.message() is None
            silent.append(time.monotonic() - began)
            await handler.say(m.Suspension(m.Future((1,), (1,), combinator=m.Combinator.FIRST_COMPLETED)))
            await exchange.end()

        deployment.handle = wait
        with deployment.serving() as url:
            server.register(url)
            invocation = server.send(f"{name}/h", 1)
            wait_until(lambda: row_of(server, invocation)["status"] == "suspended", "the handler suspends")
            server.admin("PATCH", f"/invocations/{invocation}/kill")
        assert silent[0] >= 0.15

    def test_one_that_does_not_suspend_is_aborted_and_tried_again(self, server: Server, name: str) -> None:
        settings = {**QUICK, "inactivityTimeout": 100, "abortTimeout": 200}
        deployment = ScriptedDeployment(service(name, "h", **settings))

        async def hang(exchange: Any) -> None:
            handler = Handler(exchange)
            await handler.begin()
            while await handler.message() is not None:
                pass
            await exchange.read()

        deployment.handle = Failing(hang, failures=1)
        with deployment.serving() as url:
            server.register(url)
            invocation = server.send(f"{name}/h", 1)
            assert server.attach(invocation) == 1
            events = server.rows(f"SELECT event_json FROM sys_journal_events WHERE id = '{invocation}'")
        assert ["RT0001" in event["event_json"] for event in events] == [True]
