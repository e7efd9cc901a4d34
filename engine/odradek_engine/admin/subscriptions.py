"""Subscriptions: which topic goes to which handler, and how far each has come.

Where a subscription starts is settled when it is made: later records are never skipped, whoever reads them when.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from odradek.protocol.ids import format_resource_id
from odradek_engine.admin.errors import BAD_SUBSCRIPTION, AdminError, check_done, json_response
from odradek_engine.admin.operations import TEXT, Operation, QueryParameter
from odradek_engine.admin.parameters import check_resource_id, read_json
from odradek_engine.gateway import Gateway
from odradek_engine.log.port import UnknownTopic
from odradek_engine.model.commands import CreateSubscription, DeleteSubscription
from odradek_engine.model.rows import KafkaCluster, Subscription
from odradek_engine.model.subscribing import LOCAL_CLUSTER, OFFSET_RESET, is_a_start, starts_at_begin
from odradek_engine.topics import engine_topics

_SOURCE: Final = re.compile(r"kafka://([^/]+)/([a-zA-Z0-9._-]{1,249})")
_SINK: Final = re.compile(r"service://([^/]+)/([^/]+)")
_ID_BYTES: Final = 16


class SourceResolver(Protocol):
    """Finds topics of foreign Kafka clusters."""

    async def resolve(
        self, cluster: KafkaCluster, topic: str, options: Mapping[str, str]
    ) -> tuple[str, Mapping[int, int]]:
        """Topic id and where each partition starts now, by `auto.offset.reset` in the options (without it the end).

        Raises `UnknownTopic`, or `LogError` where the cluster cannot be asked.
        """


_OF_SOURCE: Final = QueryParameter("source", TEXT, "Those of this source only.")
_OF_SINK: Final = QueryParameter("sink", TEXT, "Those of this sink only.")


_GROUP: Final = "group.id"


class NewSubscription(msgspec.Struct, frozen=True):
    """From `kafka://cluster/topic` to `service://Service/handler`; `options` are the consumer's."""

    source: str
    sink: str
    options: dict[str, str] | None = None


class Subscriptions:
    """The routes of them."""

    def __init__(self, gateway: Gateway, resolver: SourceResolver, cluster_name: str) -> None:
        self._gateway = gateway
        self._resolver = resolver
        self._engine_topics = engine_topics(cluster_name)

    def routes(self) -> list[Operation]:
        """All of them."""
        one = "/subscriptions/{subscription}"
        return [
            Operation("GET", "/subscriptions", self._list, "The subscriptions", query=(_OF_SOURCE, _OF_SINK)),
            Operation(
                "POST",
                "/subscriptions",
                self._create,
                "Has a handler called with every record of a topic",
                body=NewSubscription,
                statuses=(201,),
            ),
            Operation("GET", one, self._get, "A subscription"),
            Operation("DELETE", one, self._delete, "Ends a subscription", statuses=(202,)),
        ]

    async def of_cluster(self, cluster: str) -> list[dict[str, Any]]:
        """The subscriptions that read from a cluster, as JSON."""
        return [await self._shown(each) for each in self._gateway.subscriptions.values() if each.cluster == cluster]

    async def _list(self, request: Request) -> Response:
        source = request.query_params.get("source")
        sink = request.query_params.get("sink")
        chosen = [
            await self._shown(each)
            for each in self._gateway.subscriptions.values()
            if source in (None, each.source) and sink in (None, each.sink)
        ]
        return json_response({"subscriptions": chosen})

    async def _get(self, request: Request) -> Response:
        return json_response(await self._shown(self._find(request)))

    async def _create(self, request: Request) -> Response:
        subscription = await self._make(await read_json(request, NewSubscription))
        check_done(await self._gateway.ask_registry(CreateSubscription(subscription)))
        shown = await self._shown(subscription)
        return json_response(shown, 201, {"location": f"subscriptions/{subscription.id}"})

    async def _delete(self, request: Request) -> Response:
        check_done(await self._gateway.ask_registry(DeleteSubscription(self._find(request).id)))
        return Response(status_code=202)

    def _find(self, request: Request) -> Subscription:
        identifier = check_resource_id("subscription", "sub", request.path_params["subscription"])
        subscription = self._gateway.subscriptions.get(identifier)
        if subscription is None:
            raise AdminError(404, f"The requested subscription '{identifier}' does not exist")
        return subscription

    async def _shown(self, subscription: Subscription) -> dict[str, Any]:
        """Restate's fields; beside them whether it is read, and how many records wait, in all and by partition (null
        while unknown)."""
        positions = await self._gateway.lag(subscription.id)
        partitions = None
        if positions is not None:
            partitions = [
                {"partition": partition, "position": position, "end": end, "lag": max(0, end - position)}
                for partition, (position, end) in sorted(positions.items())
            ]
        return {
            "id": subscription.id,
            "source": subscription.source,
            "sink": subscription.sink,
            "options": self._options_of(subscription),
            "status": self._gateway.reading_status(subscription.id),
            "lag": None if partitions is None else sum(each["lag"] for each in partitions),
            "partitions": partitions,
        }

    def _options_of(self, subscription: Subscription) -> Mapping[str, str]:
        """As they were given, and the consumer group that it reads as where nobody has named one."""
        cluster = self._gateway.kafka_clusters.get(subscription.cluster)
        if cluster is None or _GROUP in cluster.properties:
            return subscription.options
        return {_GROUP: subscription.id, **subscription.options}

    # --- making one ---

    async def _make(self, wanted: NewSubscription) -> Subscription:
        options = wanted.options or {}
        cluster, topic = self._read_source(wanted.source)
        service, handler = self._read_sink(wanted.sink)
        if cluster != LOCAL_CLUSTER and cluster not in self._gateway.kafka_clusters:
            known = ", ".join([LOCAL_CLUSTER, *sorted(self._gateway.kafka_clusters)])
            raise AdminError(400, f"Kafka cluster '{cluster}' not found. Available clusters: [{known}]")
        if OFFSET_RESET in options and not is_a_start(options[OFFSET_RESET]):
            raise _bad(f"option {OFFSET_RESET} is '{options[OFFSET_RESET]}': use 'earliest' or 'latest'")
        try:
            topic_id, start_offsets = await self._resolve(cluster, topic, options)
        except UnknownTopic as error:
            raise _bad(f"invalid source URI '{wanted.source}': {error}") from None
        now_ms = self._gateway.clock.now_ms()
        random = self._gateway.random_bytes(_ID_BYTES - 6)
        return Subscription(
            id=format_resource_id("sub", now_ms.to_bytes(6, "big") + random),
            cluster=cluster,
            topic=topic,
            service=service,
            handler=handler,
            options=options,
            created_at=now_ms,
            topic_id=topic_id,
            start_offsets=dict(start_offsets),
        )

    def _read_source(self, source: str) -> tuple[str, str]:
        match = _SOURCE.fullmatch(source)
        if match is None:
            raise _bad(f"invalid source URI '{source}': write kafka://cluster/topic")
        cluster, topic = match.groups()
        if cluster == LOCAL_CLUSTER and topic in self._engine_topics:
            raise _bad(f"invalid source URI '{source}': the topic belongs to the engine")
        return cluster, topic

    def _read_sink(self, sink: str) -> tuple[str, str]:
        match = _SINK.fullmatch(sink)
        if match is None:
            raise _bad(f"invalid sink URI '{sink}': write service://Service/handler")
        service, handler = match.groups()
        if self._gateway.schema.handler(service, handler) is None:
            raise _bad(f"invalid sink URI '{sink}': cannot find service/handler specified in the sink URI.")
        return service, handler

    async def _resolve(self, cluster: str, topic: str, options: Mapping[str, str]) -> tuple[str, Mapping[int, int]]:
        if cluster != LOCAL_CLUSTER:
            return await self._resolver.resolve(self._gateway.kafka_clusters[cluster], topic, options)
        log = self._gateway.log
        info = await log.topic(topic)
        offset_of = log.begin_offset if starts_at_begin(options) else log.end_offset
        return info.id, {partition: await offset_of(topic, partition) for partition in range(info.partitions)}


def _bad(text: str) -> AdminError:
    return AdminError(400, f"[{BAD_SUBSCRIPTION}] {text}", BAD_SUBSCRIPTION)
