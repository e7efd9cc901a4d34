"""Kafka clusters that subscriptions may read from. Secrets go in and never come out."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from odradek_engine.admin.errors import AdminError, check_done, json_response
from odradek_engine.admin.parameters import read_flag, read_json
from odradek_engine.admin.subscriptions import Subscriptions
from odradek_engine.gateway import Gateway
from odradek_engine.instants import format_instant
from odradek_engine.model.commands import CreateKafkaCluster, DeleteKafkaCluster
from odradek_engine.model.rows import KafkaCluster

_BROKER_PROPERTIES: Final = ("bootstrap.servers", "metadata.broker.list")
_SECRET: Final = re.compile(r"password|secret|token|key\.pem|sasl\.jaas", re.IGNORECASE)
_HIDDEN: Final = "***"


class _NewCluster(msgspec.Struct, frozen=True):
    name: str
    properties: dict[str, str]


class Clusters:
    """The routes of them."""

    def __init__(self, gateway: Gateway, subscriptions: Subscriptions) -> None:
        self._gateway = gateway
        self._subscriptions = subscriptions

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("/kafka-clusters", self._list),
            Route("/kafka-clusters", self._create, methods=["POST"]),
            Route("/kafka-clusters/{name}", self._get),
            Route("/kafka-clusters/{name}", self._delete, methods=["DELETE"]),
        ]

    async def _list(self, _: Request) -> Response:
        return json_response({"clusters": [_shown(cluster) for cluster in self._gateway.kafka_clusters.values()]})

    async def _create(self, request: Request) -> Response:
        wanted = await read_json(request, _NewCluster)
        if not re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,127}", wanted.name):
            raise AdminError(400, f"'{wanted.name}' cannot name a Kafka cluster: use letters, digits, '.', '_' and '-'")
        if not any(wanted.properties.get(name) for name in _BROKER_PROPERTIES):
            raise AdminError(
                400,
                f"kafka cluster '{wanted.name}' properties must contain either 'bootstrap.servers' or "
                "'metadata.broker.list'",
            )
        cluster = KafkaCluster(wanted.name, wanted.properties, self._gateway.clock.now_ms())
        check_done(await self._gateway.ask_registry(CreateKafkaCluster(cluster)))
        return json_response(_shown(cluster), 201, {"location": f"kafka-clusters/{cluster.name}"})

    async def _get(self, request: Request) -> Response:
        cluster = self._find(request)
        wanted = read_flag(request, "include_subscriptions")
        subscriptions = await self._subscriptions.of_cluster(cluster.name) if wanted else []
        return json_response({**_shown(cluster), "subscriptions": subscriptions})

    async def _delete(self, request: Request) -> Response:
        force = read_flag(request, "force")
        check_done(await self._gateway.ask_registry(DeleteKafkaCluster(self._find(request).name, force)))
        return Response(status_code=202)

    def _find(self, request: Request) -> KafkaCluster:
        name = request.path_params["name"]
        cluster = self._gateway.kafka_clusters.get(name)
        if cluster is None:
            raise AdminError(404, f"The requested Kafka cluster '{name}' does not exist")
        return cluster


def _shown(cluster: KafkaCluster) -> dict[str, Any]:
    properties = {
        name: _HIDDEN if _SECRET.search(name) else value for name, value in sorted(cluster.properties.items())
    }
    return {"name": cluster.name, "properties": properties, "created_at": format_instant(cluster.created_at)}
