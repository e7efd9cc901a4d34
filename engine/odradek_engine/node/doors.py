"""The doors of a node: ingress, admin API, node port, subscriptions; opened last, closed first."""

from __future__ import annotations

from odradek_engine.ingress.limits import IngressLimits
from odradek_engine.ingress.server import IngressServer
from odradek_engine.node.node import Node
from odradek_engine.observe.ingress import IngressCounters


class Doors:
    """Everything through which requests come in."""

    def __init__(self, node: Node) -> None:
        self._node = node
        config = node.config
        limits = IngressLimits(
            body_bytes=config.ingress.request_size_limit_bytes,
            concurrent_requests=config.ingress.concurrent_api_requests_limit,
        )
        self._ingress = IngressServer(node, limits, IngressCounters())

    async def open(self) -> None:
        """Takes requests from now on. Raises `CannotListen`."""
        config = self._node.config
        await self._ingress.start(config.ingress_ip, config.ingress.bind_port)

    async def close(self) -> None:
        """Takes nothing new, and answers what runs until the deadline."""
        await self._ingress.stop(2.0)
