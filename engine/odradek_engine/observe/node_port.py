"""The node port: is the node alive, and its metrics."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from odradek_engine.durations import format_duration
from odradek_engine.gateway import Clock
from odradek_engine.observe.metrics import CONTENT_TYPE, Metrics

ROLES: Final = ("http-ingress", "admin", "worker")


class NodeIdentity(msgspec.Struct, frozen=True):
    """Who the node is and where it listens: `host:port` by name (`http-ingress-server`, `admin-api-server`,
    `message-fabric-server`)."""

    cluster_name: str
    node_name: str
    addresses: dict[str, str]


class NodePort:
    """Makes the application of the node port."""

    def __init__(self, identity: NodeIdentity, metrics: Metrics, clock: Clock) -> None:
        self._identity = identity
        self._metrics = metrics
        self._clock = clock
        self._started = clock.monotonic()

    def app(self) -> ASGIApp:
        """The application."""
        return Starlette(routes=[Route("/health", self._health), Route("/metrics", self._text)])

    async def _health(self, _: Request) -> Response:
        return Response(msgspec.json.encode(self._body()), media_type="application/json")

    async def _text(self, _: Request) -> Response:
        return Response(await self._metrics.text(), headers={"content-type": CONTENT_TYPE})

    def _body(self) -> dict[str, Any]:
        identity = self._identity
        age_seconds = self._clock.monotonic() - self._started
        return {
            "status": "Alive",
            "node_id": "N1:1",
            "node_name": identity.node_name,
            "cluster_name": identity.cluster_name,
            "roles": ROLES,
            "age": format_duration(int(age_seconds * 1000)),
            "admin_status": "Ready",
            "worker_status": "Ready",
            "bound_addresses": [
                {"name": name, "address": address, "kind": "tcp"} for name, address in identity.addresses.items()
            ],
            "advertised_addresses": [
                {"name": name, "address": f"http://{address}/", "kind": "http"}
                for name, address in identity.addresses.items()
            ],
        }
