"""Topics of the node's own log: list, create, describe, and records from producers."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from odradek_engine.admin.errors import AdminError, json_response
from odradek_engine.admin.operations import Operation
from odradek_engine.admin.parameters import read_json
from odradek_engine.gateway import Gateway
from odradek_engine.log.port import NewRecord, RecordTooLarge, TopicExists, TopicInfo, UnknownTopic
from odradek_engine.topics import BadProducer, ProducedRecord, TopicProducers, engine_topics
from odradek_engine.ulid import MalformedUlid

RECORDS_BODY_BYTES: Final = 64 * 1024 * 1024
RECORDS_PER_REQUEST: Final = 10_000
PARTITIONS_MAX: Final = 65_535
_TOPIC_NAME: Final = re.compile(r"(?!\.{1,2}$)[a-zA-Z0-9._-]{1,249}")


class NewTopic(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A topic of the node's own log."""

    name: str
    partitions: Annotated[int, msgspec.Meta(ge=1, le=PARTITIONS_MAX)] | None = None
    settings: dict[str, str] = {}


class SentRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Key and value as text or as base64; absent means null."""

    key: str | None = None
    key_base64: bytes | None = None
    value: str | None = None
    value_base64: bytes | None = None
    headers: dict[str, str] = {}
    partition: int | None = None
    timestamp: Annotated[int, msgspec.Meta(ge=0)] | None = None


class SentRecords(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A producer's records, numbered from `first_sequence` on: one that comes again is taken once."""

    producer_id: str
    first_sequence: Annotated[int, msgspec.Meta(ge=0, lt=1 << 62)]
    records: Annotated[list[SentRecord], msgspec.Meta(max_length=RECORDS_PER_REQUEST)]


class Topics:
    """The routes of them."""

    def __init__(self, gateway: Gateway, producers: TopicProducers, cluster_name: str) -> None:
        self._gateway = gateway
        self._producers = producers
        self._engine_topics = engine_topics(cluster_name)

    def routes(self) -> list[Operation]:
        """All of them."""
        return [
            Operation("GET", "/topics", self._list, "The topics of the node's own log"),
            Operation("POST", "/topics", self._create, "Makes a topic", body=NewTopic, statuses=(201,)),
            Operation("GET", "/topics/{topic}", self._describe, "A topic with its partitions"),
            Operation("POST", "/topics/{topic}/records", self._produce, "Appends records", body=SentRecords),
        ]

    async def _list(self, _: Request) -> Response:
        found = await self._gateway.log.topics()
        return json_response({"topics": [_shown(info) for info in found if info.name not in self._engine_topics]})

    async def _create(self, request: Request) -> Response:
        wanted = await read_json(request, NewTopic)
        if not _TOPIC_NAME.fullmatch(wanted.name):
            raise AdminError(400, f"'{wanted.name}' cannot name a topic: use up to 249 letters, digits, '.', '_', '-'")
        self._keep_off(wanted.name)
        partitions = wanted.partitions or self._gateway.partitions
        try:
            info = await self._gateway.log.create_topic(wanted.name, partitions, wanted.settings)
        except TopicExists:
            raise AdminError(409, f"The topic '{wanted.name}' already exists") from None
        return json_response(_shown(info), 201, {"location": f"topics/{info.name}"})

    async def _describe(self, request: Request) -> Response:
        name = request.path_params["topic"]
        log = self._gateway.log
        try:
            info = await log.topic(name)
            offsets = [
                {
                    "partition": partition,
                    "begin": await log.begin_offset(name, partition),
                    "end": await log.end_offset(name, partition),
                }
                for partition in range(info.partitions)
            ]
        except UnknownTopic:
            raise _no_topic(name) from None
        return json_response(_shown(info) | {"offsets": offsets})

    async def _produce(self, request: Request) -> Response:
        name = request.path_params["topic"]
        self._keep_off(name)
        batch = await read_json(request, SentRecords, RECORDS_BODY_BYTES)
        records = [_produced(number, record) for number, record in enumerate(batch.records)]
        try:
            done = await self._producers.produce(name, batch.producer_id, batch.first_sequence, records)
        except UnknownTopic as error:
            raise AdminError(404, str(error)) from None
        except RecordTooLarge as error:
            raise AdminError(413, str(error)) from None
        except (BadProducer, MalformedUlid) as error:
            raise AdminError(400, str(error)) from None
        return json_response({"appended": done.appended, "repeated": done.repeated})

    def _keep_off(self, name: str) -> None:
        if name in self._engine_topics:
            raise AdminError(403, f"The topic '{name}' belongs to the engine")


def _no_topic(name: str) -> AdminError:
    return AdminError(404, f"The requested topic '{name}' does not exist")


def _shown(info: TopicInfo) -> dict[str, Any]:
    return {"name": info.name, "partitions": info.partitions, "id": info.id}


def _produced(number: int, record: SentRecord) -> ProducedRecord:
    headers = tuple((name, value.encode()) for name, value in record.headers.items())
    key = _bytes(number, "key", record.key, record.key_base64)
    value = _bytes(number, "value", record.value, record.value_base64)
    return ProducedRecord(NewRecord(value, key, headers, record.timestamp), record.partition)


def _bytes(number: int, field: str, text: str | None, raw: bytes | None) -> bytes | None:
    if text is None:
        return raw
    if raw is not None:
        raise AdminError(400, f"record {number} has both '{field}' and '{field}_base64'")
    return text.encode()
