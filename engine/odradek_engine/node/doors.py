"""The doors of a node: ingress, admin API, node port, subscriptions; opened last, closed first."""

from __future__ import annotations

import contextlib
from importlib import import_module
from typing import Any, Final

from odradek_engine.admin.app import make_admin_app
from odradek_engine.admin.information import NodeInformation
from odradek_engine.asgi import HttpServer
from odradek_engine.ingress.limits import IngressLimits
from odradek_engine.ingress.server import IngressServer
from odradek_engine.node.figures import Figures
from odradek_engine.node.node import Node
from odradek_engine.observe.ingress import IngressCounters
from odradek_engine.observe.metrics import Labels, Metrics
from odradek_engine.observe.node_port import NodeIdentity, NodePort
from odradek_engine.version import version

CONNECTORS: Final = "odradek_connectors"
"""Loaded by its name: connectors build on the engine, not the other way round."""
ANSWER_SECONDS: Final = 2.0
"""So long a stopping node lets running requests get their answers."""


class Doors:
    """Everything through which requests come in."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._closing = contextlib.AsyncExitStack()
        self._counters = IngressCounters()

    async def open(self) -> None:
        """Takes requests from now on. Raises `CannotListen`."""
        await self._open_ingress()
        connectors: Any = import_module(CONNECTORS)
        await self._open_admin(connectors)
        readers = connectors.open_subscriptions(self._node, self._node.committed_offsets)
        self._node.readers = readers
        self._closing.push_async_callback(readers.stop)
        readers.refresh()
        await self._open_node_port(readers)

    async def _open_ingress(self) -> None:
        config = self._node.config
        limits = IngressLimits(
            body_bytes=config.ingress.request_size_limit_bytes,
            concurrent_requests=config.ingress.concurrent_api_requests_limit,
        )
        ingress = IngressServer(self._node, limits, self._counters)
        self._closing.push_async_callback(ingress.stop, ANSWER_SECONDS)
        await ingress.start(config.ingress_ip, config.ingress.bind_port)

    async def _open_admin(self, connectors: Any) -> None:
        config = self._node.config
        host = "127.0.0.1" if config.ingress_ip in ("0.0.0.0", "::") else config.ingress_ip
        information = NodeInformation(
            version(),
            config.cluster_name,
            f"http://{host}:{config.ingress.bind_port}/",
            config.experimental_enable_protocol_v7,
        )
        node = self._node
        app = make_admin_app(
            node, config, information, connectors.source_resolver(), node.deployments, node.arrow_query
        )
        admin = HttpServer(app, "the admin API", "admin.bind-port")
        self._closing.push_async_callback(admin.stop, ANSWER_SECONDS)
        await admin.start(config.admin_ip, config.admin.bind_port)

    async def _open_node_port(self, readers: Any) -> None:
        config = self._node.config
        addresses = {
            "http-ingress-server": f"{config.ingress_ip}:{config.ingress.bind_port}",
            "admin-api-server": f"{config.admin_ip}:{config.admin.bind_port}",
            "message-fabric-server": f"{config.bind_ip}:{config.bind_port}",
        }
        metrics = Metrics(Labels(config.cluster_name, config.node_name), self._counters, Figures(self._node, readers))
        identity = NodeIdentity(config.cluster_name, config.node_name, addresses)
        port = HttpServer(NodePort(identity, metrics, self._node.clock).app(), "the node port", "bind-port")
        self._closing.push_async_callback(port.stop, ANSWER_SECONDS)
        await port.start(config.bind_ip, config.bind_port)

    async def close(self) -> None:
        """Takes nothing new, and answers what runs until the deadline."""
        await self._closing.aclose()
