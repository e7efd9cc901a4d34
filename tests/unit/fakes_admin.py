"""The admin API over a fake gateway, asked as over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
from fakes_http import FakeGateway, echo

from odradek_engine.admin.app import make_admin_app
from odradek_engine.admin.information import NodeInformation
from odradek_engine.admin.query import ArrowQuery
from odradek_engine.config import Config
from odradek_engine.invoker.remote.address import Address
from odradek_engine.invoker.remote.discovery import Discovered, DiscoveryFailed
from odradek_engine.log.embedded import open_embedded_log
from odradek_engine.log.port import LogUnavailable, UnknownTopic
from odradek_engine.model.commands import AnyCommand
from odradek_engine.model.outcomes import AnyOutcome
from odradek_engine.model.rows import KafkaCluster

NODE = NodeInformation("0.1.0", "odradek", "http://127.0.0.1:8080/")


class FakeResolver:
    """Knows the topic `orders`; the cluster `down` is never there."""

    async def resolve(
        self, cluster: KafkaCluster, topic: str, options: Mapping[str, str]
    ) -> tuple[str, Mapping[int, int]]:
        if cluster.name == "down":
            raise LogUnavailable("no broker answers")
        if topic != "orders":
            raise UnknownTopic(f"cluster '{cluster.name}' has no topic '{topic}'")
        return "topic-id", {0: 7, 1: 9}


class FakeDiscovery:
    """Endpoints by host; every other address is unreachable. Remembers how they were asked."""

    def __init__(self, **endpoints: Discovered) -> None:
        self.endpoints = endpoints
        self.asked: list[tuple[str, bool, Mapping[str, str]]] = []

    async def discover(self, address: Address, *, http1: bool, headers: Mapping[str, str]) -> Discovered:
        self.asked.append((str(address), http1, headers))
        if address.host not in self.endpoints:
            raise DiscoveryFailed("META0003", f"the deployment at {address} cannot be reached: nobody listens")
        return self.endpoints[address.host]


Answer = Callable[[AnyCommand], AnyOutcome | None]
Scenario = Callable[[httpx.AsyncClient, FakeGateway], Awaitable[None]]


def client_of(
    gateway: FakeGateway, arrow: ArrowQuery | None = None, discovery: FakeDiscovery | None = None
) -> httpx.AsyncClient:
    app = make_admin_app(gateway, Config(), NODE, FakeResolver(), discovery or FakeDiscovery(), arrow)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://node")


def ask_admin(
    method: str, path: str, answer: Answer = echo, gateway: FakeGateway | None = None, **options: Any
) -> tuple[httpx.Response, FakeGateway]:
    """One request to the admin API of a node without a log."""
    there = gateway or FakeGateway(answer)

    async def scenario() -> httpx.Response:
        async with client_of(there) as client:
            return await client.request(method, path, **options)

    return asyncio.run(scenario()), there


def with_log(directory: Path, scenario: Scenario) -> None:
    """Runs a scenario against the admin API of a node with an embedded log."""

    async def run() -> None:
        log = await open_embedded_log(directory / "log")
        try:
            gateway = FakeGateway(log=log)
            async with client_of(gateway) as client:
                await scenario(client, gateway)
        finally:
            await log.close()

    asyncio.run(run())


def assert_refused(response: httpx.Response, status: int, message: str, code: str | None = None) -> None:
    assert response.status_code == status
    assert response.json() == {"message": message, "restate_code": code}


def assert_plain(response: httpx.Response, status: int, text: str) -> None:
    assert response.status_code == status
    assert response.text.startswith(text)
    assert response.headers["content-type"].startswith("text/plain")
