"""Deployments that hang, crawl or are gone keep nobody else waiting; invocations that wait leave no attempt behind."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path
from typing import Any

import pytest
from fake_endpoint import Handler
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


def test_one_deployment_delays_no_other(tmp_path: Path) -> None:
    hung, slow = ScriptedDeployment(service("Hung", "h")), ScriptedDeployment(service("Slow", "h"))
    dead, well = ScriptedDeployment(service("Dead", "h")), ScriptedDeployment(service("Well", "h"))
    hung.handle, slow.handle = hang, crawl
    limit = {"RESTATE_WORKER__INVOKER__CONCURRENT_INVOCATIONS_LIMIT": str(SLOTS)}
    with (
        live_node(tmp_path, environment=limit) as node,
        hung.serving() as hung_url,
        slow.serving() as slow_url,
        well.serving() as well_url,
    ):
        with dead.serving() as dead_url:
            for url in (hung_url, slow_url, dead_url, well_url):
                register(node, url)
        for name in ("Hung", "Slow", "Dead"):
            for _ in range(CALLS):
                node.send(name, "h", 1)
        wait_until(lambda: hung.invoked and slow.invoked, "the others hang")
        began = time.monotonic()
        assert [node.call("Well", "h", number) for number in range(CALLS)] == list(range(CALLS))
        assert time.monotonic() - began < PATIENCE_SECONDS
        assert len(hung.invoked) + len(slow.invoked) < SLOTS


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
