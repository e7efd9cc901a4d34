"""Deployments that misbehave for a while: what is said of each attempt, and that the invocation ends well after it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_endpoint import Handler
from h2.errors import ErrorCodes
from scripted_deployment import ScriptedDeployment, answer_with_input, service

from live_node import LiveNode, live_node, wait_until
from odradek.protocol import messages as m
from odradek.protocol.codec import content_type

pytestmark = pytest.mark.live

Fault = Callable[[Any], Awaitable[None]]
IMPATIENT = {
    "RESTATE_DEFAULT_RETRY_POLICY__INITIAL_INTERVAL": "50ms",
    "RESTATE_WORKER__INVOKER__HTTP2_KEEP_ALIVE_INTERVAL": "500ms",
    "RESTATE_WORKER__INVOKER__HTTP2_KEEP_ALIVE_TIMEOUT": "4s",
}


async def dies_within_a_frame(exchange: Any) -> None:
    handler = Handler(exchange)
    await handler.begin()
    await handler.say(m.RunCommand(1, "step"))
    await exchange.write(handler.codec.encode(m.ProposeRunCompletion(1, b"half"))[:9])
    exchange.connection.transport.abort()


async def hangs_with_its_whole_connection(exchange: Any) -> None:
    await Handler(exchange).begin()
    exchange.connection.endpoint.mute = True


async def crawls_to_its_death(exchange: Any) -> None:
    handler = Handler(exchange)
    await handler.begin()
    for byte in handler.codec.encode(m.RunCommand(1, "step"))[:5]:
        await exchange.write(bytes((byte,)))
        await asyncio.sleep(0.1)
    exchange.reset(ErrorCodes.INTERNAL_ERROR)


async def talks_garbage(exchange: Any) -> None:
    await Handler(exchange).begin()
    await exchange.write(b"\x00garbage, and not a frame at all" * 10)
    await exchange.end()


async def sends_an_unknown_message(exchange: Any) -> None:
    await Handler(exchange).begin()
    await exchange.write(b"\x7f\xff\0\0\0\0\0\0")
    await exchange.end()


async def says_what_the_engine_alone_may_say(exchange: Any) -> None:
    handler = Handler(exchange)
    await handler.begin()
    await handler.say(m.SleepCompletion(1))
    await exchange.end()


async def announces_too_large_a_frame(exchange: Any) -> None:
    await Handler(exchange).begin()
    await exchange.write(b"\x04\x01\0\0\xff\xff\xff\xff")
    await exchange.end()


async def leaves_without_a_word(exchange: Any) -> None:
    await Handler(exchange).begin()
    await exchange.end()


async def ends_without_an_output(exchange: Any) -> None:
    handler = Handler(exchange)
    await handler.begin()
    await handler.say(m.End())
    await exchange.end()


async def waits_for_nothing(exchange: Any) -> None:
    handler = Handler(exchange)
    await handler.begin()
    await handler.say(m.Suspension(m.Future()))
    await exchange.end()


async def answers_html(exchange: Any) -> None:
    await exchange.respond(200, {"content-type": "text/html"})
    await exchange.write(b"<html>")
    await exchange.end()


async def speaks_another_version(exchange: Any) -> None:
    await exchange.respond(200, {"content-type": content_type(5)})
    await exchange.end()


async def knows_no_such_handler(exchange: Any) -> None:
    await exchange.respond(404)
    await exchange.end()


async def refuses_the_version(exchange: Any) -> None:
    await exchange.respond(415)
    await exchange.end()


async def says_goodbye(exchange: Any) -> None:
    """The stream was seen: its attempt goes on, on a connection that takes no other."""
    exchange.connection.say_goaway(exchange.number)
    await answer_with_input(exchange)


async def refuses_the_stream(exchange: Any) -> None:
    exchange.reset(ErrorCodes.REFUSED_STREAM)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveNode]:
    with live_node(tmp_path_factory.mktemp("node"), environment=IMPATIENT) as running:
        yield running


class Twice:
    """Misbehaves in the first attempts, and then answers."""

    def __init__(self, fault: Fault) -> None:
        self._fault = fault
        self.attempts = 0

    async def __call__(self, exchange: Any) -> None:
        self.attempts += 1
        exchange.connection.endpoint.mute = False
        await (self._fault if self.attempts <= 2 else answer_with_input)(exchange)


def outcome(node: LiveNode, name: str, fault: Fault) -> tuple[Any, list[str], int]:
    """The answer, the codes of the failures on the way, and how many attempts it took."""
    deployment = ScriptedDeployment(service(name, "h"))
    deployment.handle = twice = Twice(fault)
    with deployment.serving() as url:
        node.request("POST", f"{node.admin_url}/deployments", {"uri": url})
        invocation = node.send(name, "h", 7)
        answer = node.attach(invocation)
        events = node.sql(f"SELECT event_json FROM sys_journal_events WHERE id = '{invocation}'")
    codes = [event["event_json"].partition('"restate_doc_error_code":"')[2][:6] for event in events]
    return answer, sorted(set(codes)), twice.attempts


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (dies_within_a_frame, "RT0010"),
        (hangs_with_its_whole_connection, "RT0010"),
        (crawls_to_its_death, "RT0010"),
        (talks_garbage, "RT0003"),
        (sends_an_unknown_message, "RT0012"),
        (says_what_the_engine_alone_may_say, "RT0012"),
        (announces_too_large_a_frame, "RT0003"),
        (leaves_without_a_word, "RT0007"),
        (ends_without_an_output, "RT0012"),
        (waits_for_nothing, "RT0012"),
        (answers_html, "RT0012"),
        (speaks_another_version, "RT0012"),
        (knows_no_such_handler, "RT0012"),
        (refuses_the_version, "RT0015"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_a_fault_costs_its_attempt_and_no_more(node: LiveNode, fault: Fault, code: str) -> None:
    assert outcome(node, f"S_{fault.__name__}", fault) == (7, [code], 3)


@pytest.mark.parametrize("fault", [says_goodbye, refuses_the_stream], ids=lambda fault: fault.__name__)
def test_what_costs_no_attempt(node: LiveNode, fault: Fault) -> None:
    answer, codes, _ = outcome(node, f"S_{fault.__name__}", fault)
    assert (answer, codes) == (7, [])


def test_a_deployment_that_is_away_for_a_while(node: LiveNode, tmp_path: Path) -> None:
    deployment = ScriptedDeployment(service("Away", "h"))
    with deployment.serving() as url:
        identifier = node.request("POST", f"{node.admin_url}/deployments", {"uri": url}).json()["id"]
    invocation = node.send("Away", "h", 7)
    query = f"SELECT last_failure_error_code AS code FROM sys_invocation WHERE id = '{invocation}'"
    wait_until(lambda: node.sql(query) == [{"code": "RT0010"}], "an attempt fails")
    with deployment.serving() as url:
        node.request("PATCH", f"{node.admin_url}/deployments/{identifier}", {"uri": url})
        assert node.attach(invocation) == 7
