"""Health, version and cluster health."""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from odradek_engine.admin.errors import json_response
from odradek_engine.admin.operations import Operation

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

    def routes(self) -> list[Operation]:
        """All of them."""
        return [
            Operation("GET", "/health", self._health, "Whether the node is up"),
            Operation("GET", "/version", self._version, "Versions of the node and of this API"),
            Operation("GET", "/cluster-health", self._cluster_health, "How the nodes stand"),
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
