"""A node's connections under attempts: they end, fall silent, fill up and crawl, and nothing is lost."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from endpoint_thread import endpoint_thread
from fake_endpoint import FakeEndpoint, Handler
from scripted_deployment import ScriptedDeployment, answer_with_input, service

from live_node import LiveNode, live_node, wait_until
from odradek.protocol import messages as m
from odradek.protocol.ids import format_awakeable_id, parse_invocation_id
from odradek_engine.invoker.remote.attempt import UNREAD_BYTES_MAX

pytestmark = pytest.mark.live

MIB = 1024 * 1024
ATTEMPTS = 40
FIRST_AWAKEABLE = 17
SETTINGS = {
    "RESTATE_DEFAULT_RETRY_POLICY__INITIAL_INTERVAL": "50ms",
    "RESTATE_WORKER__INVOKER__HTTP2_KEEP_ALIVE_INTERVAL": "1s",
    "RESTATE_WORKER__INVOKER__HTTP2_KEEP_ALIVE_TIMEOUT": "4s",
    "RESTATE_WORKER__INVOKER__HTTP2_IDLE_CONNECTION_TIMEOUT": "1s",
    "RESTATE_EXPERIMENTAL_ENABLE_PROTOCOL_V7": "true",
}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveNode]:
    with live_node(tmp_path_factory.mktemp("node"), environment=SETTINGS) as running:
        yield running


def register(node: LiveNode, url: str, **options: Any) -> None:
    node.request("POST", f"{node.admin_url}/deployments", {"uri": url, **options})


def invoked(endpoint: FakeEndpoint) -> list[Any]:
    return [exchange for exchange in endpoint.exchanges if not exchange.path.endswith("/discover")]


def failures(node: LiveNode, invocations: list[str]) -> list[str]:
    """The codes of all failed attempts."""
    names = ", ".join(f"'{each}'" for each in invocations)
    events = node.sql(f"SELECT event_json FROM sys_journal_events WHERE id IN ({names})")
    return [event["event_json"].partition('"restate_doc_error_code":"')[2][:6] for event in events]


class OneStep:
    """Does one step, acknowledged, in an invocation's first attempt, holds it until `release`, and answers."""

    def __init__(self) -> None:
        self.release = asyncio.Event()
        self.holding: list[Any] = []
        self.known_entries: list[int] = []

    async def __call__(self, exchange: Any) -> None:
        handler = Handler(exchange)
        start, given, *_ = await handler.begin()
        self.known_entries.append(start.known_entries)
        if start.known_entries == 1:
            await handler.say(m.RunCommand(1, "step"), m.ProposeRunCompletion(1, b"done"))
            await handler.message()
            self.holding.append(exchange)
            await self.release.wait()
        await handler.say(m.OutputCommand(given.value), m.End())
        await exchange.end()


def begin_all(node: LiveNode, name: str, one_step: OneStep) -> tuple[list[str], Any]:
    """The invocations, all of them under way on one connection; and that connection."""
    invocations = [node.send(name, "h", number) for number in range(ATTEMPTS)]
    wait_until(lambda: len(one_step.holding) == ATTEMPTS, "every attempt is under way")
    (connection,) = {exchange.connection for exchange in one_step.holding}
    return invocations, connection


def test_goaway_fails_no_attempt_and_new_ones_take_a_new_connection(node: LiveNode) -> None:
    deployment, one_step = ScriptedDeployment(service("Goaway", "h")), OneStep()
    deployment.handle = one_step
    endpoint = FakeEndpoint(deployment)
    with endpoint_thread(endpoint) as url:
        register(node, url)
        invocations, old = begin_all(node, "Goaway", one_step)
        endpoint.in_its_loop(lambda: old.say_goaway(max(each.number for each in one_step.holding)))
        deployment.handle = answer_with_input
        assert [node.call("Goaway", "h", number) for number in range(5)] == list(range(5))
        assert all(exchange.connection is not old for exchange in invoked(endpoint)[ATTEMPTS:])
        assert not old.lost
        endpoint.in_its_loop(one_step.release.set)
        assert [node.attach(each) for each in invocations] == list(range(ATTEMPTS))
        assert failures(node, invocations) == []
        wait_until(lambda: old.lost, "the old connection is closed")


def test_a_connection_that_answers_no_ping_is_left_and_its_attempts_go_on(node: LiveNode) -> None:
    deployment, one_step = ScriptedDeployment(service("Mute", "h")), OneStep()
    deployment.handle = one_step
    endpoint = FakeEndpoint(deployment)
    with endpoint_thread(endpoint) as url:
        register(node, url)
        invocations, mute = begin_all(node, "Mute", one_step)
        mute.mute = True
        assert [node.attach(each) for each in invocations] == list(range(ATTEMPTS))
        assert failures(node, invocations) == ["RT0010"] * ATTEMPTS
        assert one_step.known_entries == [1] * ATTEMPTS + [3] * ATTEMPTS, "acknowledged steps are known"
        assert all(exchange.connection is not mute for exchange in invoked(endpoint)[ATTEMPTS:])
        endpoint.in_its_loop(one_step.release.set)


@pytest.mark.parametrize("http1", [False, True])
def test_idle_connections_are_closed_and_made_again(node: LiveNode, http1: bool) -> None:
    name = f"Idle{int(http1)}"
    endpoint = FakeEndpoint(ScriptedDeployment(service(name, "h")), http1=http1)
    with endpoint_thread(endpoint) as url:
        register(node, url, use_http_11=http1)
        for number in range(2):
            assert node.call(name, "h", number) == number
            wait_until(lambda: all(each.lost for each in endpoint.connections), "no connection is left")
        assert len({exchange.connection for exchange in invoked(endpoint)}) == 2


def test_more_attempts_than_the_deployment_takes_streams(node: LiveNode) -> None:
    running: dict[Any, int] = {}
    most: list[int] = []

    async def handle(exchange: Any) -> None:
        running[exchange.connection] = running.get(exchange.connection, 0) + 1
        most.append(running[exchange.connection])
        await asyncio.sleep(0.01)
        await answer_with_input(exchange)
        running[exchange.connection] -= 1

    deployment = ScriptedDeployment(service("Full", "h"))
    deployment.handle = handle
    endpoint = FakeEndpoint(deployment, MAX_CONCURRENT_STREAMS=3)
    with endpoint_thread(endpoint) as url:
        register(node, url)
        invocations = [node.send("Full", "h", number) for number in range(ATTEMPTS)]
        assert [node.attach(each) for each in invocations] == list(range(ATTEMPTS))
        assert failures(node, invocations) == []
        assert max(most) <= 3


def test_a_handler_that_does_not_read_gets_its_news_from_the_journal(node: LiveNode) -> None:
    """What waits for it in the node's memory is bounded; it does not see the bound but by suspending once."""
    values = 2 * UNREAD_BYTES_MAX // MIB
    received: list[int] = []
    held, listening = threading.Event(), asyncio.Event()

    async def handle(exchange: Any) -> None:
        handler = Handler(exchange)
        _, _, *known = await handler.begin()
        if known:
            received.append(len(known))
            await handler.say(m.OutputCommand(b"%d" % len(known)), m.End())
        else:
            endpoint.reads_nothing = True
            held.set()
            await listening.wait()
            while await handler.message() is not None:
                received[-1:] = [received[-1] + 1] if received else [1]
            await handler.say(m.Suspension(m.Future((), (FIRST_AWAKEABLE,), combinator=m.Combinator.FIRST_COMPLETED)))
        await exchange.end()

    deployment = ScriptedDeployment(service("Deaf", "h"))
    deployment.handle = handle
    endpoint = FakeEndpoint(deployment)
    with endpoint_thread(endpoint) as url:
        register(node, url)
        invocation = node.send("Deaf", "h", 0)
        assert held.wait(20)
        raw = parse_invocation_id(invocation)
        for number in range(values):
            node.resolve_awakeable(format_awakeable_id(raw, FIRST_AWAKEABLE + number), "x" * (MIB - 2))
        endpoint.in_its_loop(endpoint.read_again)
        endpoint.in_its_loop(listening.set)
        assert node.attach(invocation) == values
        first, _all = received
        assert first * MIB <= UNREAD_BYTES_MAX + 2 * MIB


def test_a_deployment_that_takes_and_gives_a_byte_at_a_time_holds_up_nobody(node: LiveNode) -> None:
    async def crawl(exchange: Any) -> None:
        handler = Handler(exchange)
        _, given, *_ = await handler.begin()
        for byte in b"".join(handler.codec.encode(each) for each in (m.OutputCommand(given.value), m.End())):
            await exchange.write(bytes((byte,)))
            await asyncio.sleep(0.02)
        await exchange.end()

    slow, quick = ScriptedDeployment(service("Crawling", "h")), ScriptedDeployment(service("Quick", "h"))
    slow.handle = crawl
    with endpoint_thread(FakeEndpoint(slow, INITIAL_WINDOW_SIZE=1)) as url, quick.serving() as other:
        register(node, url)
        register(node, other)
        assert node.call("Crawling", "h", "first") == "first"
        crawling = [node.send("Crawling", "h", "slow " * 10) for _ in range(10)]
        assert [node.call("Quick", "h", number) for number in range(20)] == list(range(20))
        assert [node.attach(each) for each in crawling] == ["slow " * 10] * 10
        assert failures(node, crawling) == []
