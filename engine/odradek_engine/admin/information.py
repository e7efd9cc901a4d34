"""Health, version and cluster health."""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from odradek_engine.admin.errors import json_response

MIN_API_VERSION: Final = 2
MAX_API_VERSION: Final = 4
_FEATURES: Final = (
    "vqueues",
    "vqueues_async_refill",
    "unique_random_seeds",
    "invoker_yield",
    "protocol_v7",
    "scoped_virtual_objects",
    "scoped_state_table_migration",
    "kafka_scope",
    "vqueues_migration_skip_completed",
    "preflight_invocation_termination_retention",
    "scoped_promise_table_migration",
    "vqueue_obsolete_cleanup",
)


class NodeInformation(msgspec.Struct, frozen=True):
    """What a node says of itself."""

    version: str
    cluster_name: str
    ingress_url: str
    """`http://host:port/`"""
    protocol_v7: bool = False
    """Whether that version of the service protocol is spoken."""


class Information:
    """The routes of it."""

    def __init__(self, node: NodeInformation) -> None:
        self._node = node

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("/health", self._health),
            Route("/version", self._version),
            Route("/cluster-health", self._cluster_health),
        ]

    async def _health(self, _: Request) -> Response:
        return Response()

    async def _version(self, _: Request) -> Response:
        return json_response(
            {
                "version": self._node.version,
                "min_admin_api_version": MIN_API_VERSION,
                "max_admin_api_version": MAX_API_VERSION,
                "ingress_endpoint": self._node.ingress_url,
                "features": dict.fromkeys(_FEATURES, False) | {"protocol_v7": self._node.protocol_v7},
            }
        )

    async def _cluster_health(self, _: Request) -> Response:
        return json_response({"cluster_name": self._node.cluster_name, "metadata_cluster_health": {"members": [1]}})
