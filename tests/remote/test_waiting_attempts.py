"""Deployments that hang, crawl or are gone keep nobody else waiting; invocations that wait leave no attempt behind."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from endpoint_thread import endpoint_thread
from fake_endpoint import FakeEndpoint, Handler
from scripted_deployment import ScriptedDeployment, service

from live_node import LiveNode, live_node, wait_until
from odradek.protocol import messages as m

pytestmark = pytest.mark.live

SLOTS = 20
IN_A_THOUSAND_YEARS = 2**45
CALLS = 40
PATIENCE_SECONDS = 20.0
"""A call waits for so long at most; the first attempt at a hung deployment would last a minute."""


def register(node: LiveNode, url: str) -> str:
    return str(node.request("POST", f"{node.admin_url}/deployments", {"uri": url}).json()["id"])


def figure(node: LiveNode, name: str) -> float:
    (found,) = re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", node.metrics(), re.MULTILINE)
    return float(found)


async def hang(exchange: Any) -> None:
    """Never answers."""
    while await exchange.read():
        pass


async def crawl(exchange: Any) -> None:
    """A byte now and then, as long as anybody listens."""
    handler = Handler(exchange)
    await handler.begin()
    for byte in handler.codec.encode(m.RunCommand(1, "x" * 10_000)):
        await exchange.write(bytes((byte,)))
        await asyncio.sleep(0.2)


@contextmanager
def nobody_accepts(port: int) -> Iterator[None]:
    """A port where connections hang before they are made, as behind a firewall that drops packets."""
    with contextlib.ExitStack() as sockets:
        sockets.enter_context(socket.create_server(("127.0.0.1", port), backlog=0))
        for _ in range(2):
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        yield


def test_one_deployment_delays_no_other(tmp_path: Path) -> None:
    hung, slow = ScriptedDeployment(service("Hung", "h")), ScriptedDeployment(service("Slow", "h"))
    dead, well = ScriptedDeployment(service("Dead", "h")), ScriptedDeployment(service("Well", "h"))
    unreachable = FakeEndpoint(ScriptedDeployment(service("Unreachable", "h")))
    hung.handle, slow.handle = hang, crawl
    settings = {
        "RESTATE_WORKER__INVOKER__CONCURRENT_INVOCATIONS_LIMIT": str(SLOTS),
        "RESTATE_WORKER__INVOKER__CONNECT_TIMEOUT": "2s",
    }
    with (
        live_node(tmp_path, environment=settings) as node,
        hung.serving() as hung_url,
        slow.serving() as slow_url,
        well.serving() as well_url,
    ):
        with dead.serving() as dead_url, endpoint_thread(unreachable) as unreachable_url:
            for url in (hung_url, slow_url, dead_url, unreachable_url, well_url):
                register(node, url)
        with nobody_accepts(unreachable.port):
            check_the_well_one(node, hung, slow)
            failed = "SELECT last_failure FROM sys_invocation WHERE last_failure LIKE '%did not accept%within 2 s%'"
            wait_until(lambda: node.sql(failed), "connecting is given up")


def check_the_well_one(node: LiveNode, hung: ScriptedDeployment, slow: ScriptedDeployment) -> None:
    """Its calls are answered while those of all others wait."""
    for name in ("Hung", "Slow", "Dead", "Unreachable"):
        for _ in range(CALLS):
            node.send(name, "h", 1)
    wait_until(lambda: hung.invoked and slow.invoked, "the others hang")
    began = time.monotonic()
    assert [node.call("Well", "h", number) for number in range(CALLS)] == list(range(CALLS))
    assert time.monotonic() - began < PATIENCE_SECONDS
    assert len(hung.invoked) + len(slow.invoked) < SLOTS


def test_deployments_take_turns_for_a_slot_and_their_attempts_begin_in_order(tmp_path: Path) -> None:
    names, each = ("One", "Two", "Three"), 10
    release = asyncio.Event()
    began: list[tuple[str, int]] = []

    def of(name: str) -> ScriptedDeployment:
        async def handle(exchange: Any) -> None:
            handler = Handler(exchange)
            _, given, *_ = await handler.begin()
            began.append((name, int(given.value)))
            if len(began) == 1:
                await release.wait()
            await handler.say(m.OutputCommand(given.value), m.End())
            await exchange.end()

        deployment = ScriptedDeployment(service(name, "h"))
        deployment.handle = handle
        return deployment

    settings = {
        "RESTATE_WORKER__INVOKER__CONCURRENT_INVOCATIONS_LIMIT": "1",
        "RESTATE_DEFAULT_NUM_PARTITIONS": "1",
    }
    with contextlib.ExitStack() as running:
        node = running.enter_context(live_node(tmp_path, environment=settings))
        endpoints = [FakeEndpoint(of(name)) for name in names]
        for endpoint in endpoints:
            register(node, running.enter_context(endpoint_thread(endpoint)))
        sent = [node.send(name, "h", number) for name in names for number in range(each)]
        wait_until(lambda: figure(node, "restate_invoker_slots_awaited") == len(sent) - 1, "all others wait")
        endpoints[0].in_its_loop(release.set)
        for invocation in sent:
            node.attach(invocation)
    for name in names:
        assert [number for found, number in began if found == name] == list(range(each))
    turns = [name for name, _ in began[1:]]
    for at in range(0, len(names) * (each - 1), len(names)):
        assert set(turns[at : at + len(names)]) == set(names), began


def test_suspended_invocations_hold_no_attempt(tmp_path: Path) -> None:
    deployment = ScriptedDeployment(service("Sleeper", "h", inactivityTimeout=0))

    async def sleep(exchange: Any) -> None:
        handler = Handler(exchange)
        start = (await handler.begin())[0]
        if start.known_entries == 1:
            await handler.say(m.SleepCommand(IN_A_THOUSAND_YEARS, 1, ""))
        await handler.say(m.Suspension(m.Future((1,), (1,), combinator=m.Combinator.FIRST_COMPLETED)))
        await exchange.end()

    deployment.handle = sleep
    with live_node(tmp_path) as node, deployment.serving() as url:
        register(node, url)
        for _ in range(200):
            node.send("Sleeper", "h", 1)
        query = "SELECT COUNT(1) AS n FROM sys_invocation WHERE status = 'suspended'"
        wait_until(lambda: node.sql(query) == [{"n": 200}], "all suspend")
        assert figure(node, "restate_invoker_slots_acquired") == 0
        assert figure(node, "restate_invoker_slots_awaited") == 0
