"""Kafka clusters that subscriptions may read from. Secrets go in and never come out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from odradek_engine.admin.errors import BAD_SHAPE, AdminError, BadRequest, check_done, json_response
from odradek_engine.admin.operations import FLAG, Operation, QueryParameter
from odradek_engine.admin.parameters import read_flag, read_json
from odradek_engine.admin.subscriptions import Subscriptions
from odradek_engine.gateway import Gateway
from odradek_engine.instants import format_instant
from odradek_engine.model.commands import ChangeKafkaCluster, CreateKafkaCluster, DeleteKafkaCluster
from odradek_engine.model.rows import KafkaCluster

_BROKER_PROPERTIES: Final = ("bootstrap.servers", "metadata.broker.list")
_SECRET: Final = re.compile(r"password|secret|token|key\.pem|sasl\.jaas", re.IGNORECASE)
_HIDDEN: Final = "***"
_NAME: Final = re.compile(r"[a-zA-Z0-9._-]{1,255}")
_FORCE: Final = QueryParameter("force", FLAG, "Also while subscriptions read from it.")
_WITH_SUBSCRIPTIONS: Final = QueryParameter("include_subscriptions", FLAG, "With the subscriptions that read from it.")


class NewCluster(msgspec.Struct, frozen=True):
    """A Kafka cluster to be known by a name. `properties`: librdkafka's."""

    name: str
    properties: dict[str, str]


class ClusterProperties(msgspec.Struct, frozen=True):
    """What takes the place of all properties; a hidden one that comes back hidden stays as it is."""

    properties: dict[str, str]


class Clusters:
    """The routes of them."""

    def __init__(self, gateway: Gateway, subscriptions: Subscriptions) -> None:
        self._gateway = gateway
        self._subscriptions = subscriptions

    def routes(self) -> list[Operation]:
        """All of them."""
        one = "/kafka-clusters/{cluster_name}"
        return [
            Operation("GET", "/kafka-clusters", self._list, "The Kafka clusters that subscriptions may read from"),
            Operation(
                "POST", "/kafka-clusters", self._create, "Makes a Kafka cluster known", body=NewCluster, statuses=(201,)
            ),
            Operation("GET", one, self._get, "A Kafka cluster", query=(_WITH_SUBSCRIPTIONS,)),
            Operation("PATCH", one, self._change, "Replaces a Kafka cluster's properties", body=ClusterProperties),
            Operation("DELETE", one, self._delete, "Forgets a Kafka cluster", query=(_FORCE,), statuses=(202,)),
        ]

    async def _list(self, _: Request) -> Response:
        return json_response({"clusters": [_shown(cluster) for cluster in self._gateway.kafka_clusters.values()]})

    async def _create(self, request: Request) -> Response:
        wanted = await read_json(request, NewCluster)
        if not _NAME.fullmatch(wanted.name):
            reason = f"name: '{wanted.name}' cannot name a Kafka cluster: use letters, digits, '.', '_' and '-'"
            raise BadRequest(422, f"{BAD_SHAPE}: {reason}")
        _check_properties(wanted.name, wanted.properties)
        cluster = KafkaCluster(wanted.name, wanted.properties, self._gateway.clock.now_ms())
        check_done(await self._gateway.ask_registry(CreateKafkaCluster(cluster)))
        return json_response(_shown(cluster), 201, {"location": f"kafka-clusters/{cluster.name}"})

    async def _get(self, request: Request) -> Response:
        cluster = self._find(request)
        wanted = read_flag(request, "include_subscriptions")
        subscriptions = await self._subscriptions.of_cluster(cluster.name) if wanted else []
        return json_response({**_shown(cluster), "subscriptions": subscriptions})

    async def _change(self, request: Request) -> Response:
        wanted = (await read_json(request, ClusterProperties)).properties
        cluster = self._find(request)
        _check_properties(cluster.name, wanted)
        properties = {
            name: cluster.properties.get(name, value) if value == _HIDDEN else value for name, value in wanted.items()
        }
        check_done(await self._gateway.ask_registry(ChangeKafkaCluster(cluster.name, properties)))
        return json_response(_shown(self._find(request)))

    async def _delete(self, request: Request) -> Response:
        force = read_flag(request, "force")
        check_done(await self._gateway.ask_registry(DeleteKafkaCluster(self._find(request).name, force)))
        return Response(status_code=202)

    def _find(self, request: Request) -> KafkaCluster:
        name = request.path_params["cluster_name"]
        cluster = self._gateway.kafka_clusters.get(name)
        if cluster is None:
            raise AdminError(404, f"The requested Kafka cluster '{name}' does not exist")
        return cluster


def _check_properties(cluster: str, properties: Mapping[str, str]) -> None:
    if not any(properties.get(name) for name in _BROKER_PROPERTIES):
        raise AdminError(
            400,
            f"kafka cluster '{cluster}' properties must contain either 'bootstrap.servers' or 'metadata.broker.list'",
        )


def _shown(cluster: KafkaCluster) -> dict[str, Any]:
    properties = {
        name: _HIDDEN if _SECRET.search(name) else value for name, value in sorted(cluster.properties.items())
    }
    return {"name": cluster.name, "properties": properties, "created_at": format_instant(cluster.created_at)}
