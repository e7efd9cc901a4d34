"""Topics, records and subscriptions over the admin API, on an embedded log."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest
from fakes_admin import ask_admin, with_log
from fakes_http import NOW_MS, FakeGateway

from odradek_engine.log.port import Log, NewRecord, Record
from odradek_engine.model.commands import CreateSubscription, DeleteSubscription
from odradek_engine.model.rows import KafkaCluster, Subscription
from odradek_engine.partition.routing import murmur2
from odradek_engine.ulid import make_ulid

PRODUCER = make_ulid(NOW_MS, bytes(10))
SINK = "service://Obj/add"


async def create(client: httpx.AsyncClient, name: str = "t", partitions: int = 3) -> None:
    response = await client.post("/topics", json={"name": name, "partitions": partitions})
    assert response.status_code == 201, response.text


async def read(log: Log, topic: str, partition: int) -> list[Record]:
    reader = await log.reader(topic, partition, await log.begin_offset(topic, partition))
    try:
        return list(await reader.read(10_000, 0))
    finally:
        await reader.close()


def batch(first: int, *records: Mapping[str, object], producer: str = PRODUCER) -> dict[str, object]:
    return {"producer_id": producer, "first_sequence": first, "records": records}


def test_topics(tmp_path: Path) -> None:
    async def scenario(client: httpx.AsyncClient, gateway: FakeGateway) -> None:
        created = await client.post("/topics", json={"name": "payments", "partitions": 2})
        info = created.json()
        assert created.status_code == 201
        assert created.headers["location"] == "topics/payments"
        assert (info["name"], info["partitions"]) == ("payments", 2)
        default = await client.post("/topics", json={"name": "orders"})
        assert default.json()["partitions"] == gateway.partitions
        await gateway.log.create_topic("odradek.journal", 1)
        listed = await client.get("/topics")
        assert sorted(each["name"] for each in listed.json()["topics"]) == ["orders", "payments"]
        described = await client.get("/topics/payments")
        assert described.json() == info | {
            "offsets": [{"partition": 0, "begin": 0, "end": 0}, {"partition": 1, "begin": 0, "end": 0}]
        }

    with_log(tmp_path, scenario)


def test_topics_that_cannot_be(tmp_path: Path) -> None:
    async def scenario(client: httpx.AsyncClient, _: FakeGateway) -> None:
        await create(client)
        again = await client.post("/topics", json={"name": "t"})
        assert again.status_code == 409
        assert again.json() == {"message": "The topic 't' already exists", "restate_code": None}
        for name in ("", "a b", "..", "x" * 250):
            assert (await client.post("/topics", json={"name": name})).status_code == 400
        assert (await client.post("/topics", json={"name": "p", "partitions": 0})).status_code == 422
        assert (await client.post("/topics", json={"name": "odradek.journal"})).status_code == 403
        missing = await client.get("/topics/nope")
        assert missing.json() == {"message": "The requested topic 'nope' does not exist", "restate_code": None}
        assert missing.status_code == 404

    with_log(tmp_path, scenario)


def test_records_reach_the_partition_of_their_key(tmp_path: Path) -> None:
    async def scenario(client: httpx.AsyncClient, gateway: FakeGateway) -> None:
        await create(client)
        keys = [f"key-{number}" for number in range(20)]
        records = [{"key": key, "value": f"v{key}", "headers": {"h": "1"}} for key in keys]
        response = await client.post("/topics/t/records", json=batch(0, *records))
        assert (response.status_code, response.json()) == (200, {"appended": 20, "repeated": 0})
        found = [await read(gateway.log, "t", partition) for partition in range(3)]
        for partition, part in enumerate(found):
            expected = [key for key in keys if (murmur2(key.encode()) & 0x7FFFFFFF) % 3 == partition]
            assert [record.key for record in part] == [key.encode() for key in expected]
            assert all(record.value == b"v" + (record.key or b"") for record in part)
            assert all(("h", b"1") in record.headers for record in part)

    with_log(tmp_path, scenario)


def test_all_fields_of_a_record(tmp_path: Path) -> None:
    async def scenario(client: httpx.AsyncClient, gateway: FakeGateway) -> None:
        await create(client)
        record = {"key_base64": "/w==", "value_base64": "AAE=", "partition": 2, "timestamp": 1234}
        await client.post("/topics/t/records", json=batch(0, record, {"partition": 1}))
        (full,) = await read(gateway.log, "t", 2)
        assert (full.key, full.value, full.timestamp_ms) == (b"\xff", b"\x00\x01", 1234)
        (empty,) = await read(gateway.log, "t", 1)
        assert (empty.key, empty.value) == (None, None)

    with_log(tmp_path, scenario)


def test_repeated_records_are_dropped(tmp_path: Path) -> None:
    async def scenario(client: httpx.AsyncClient, gateway: FakeGateway) -> None:
        await create(client, partitions=1)
        a, b, c = ({"value": value} for value in "abc")
        assert (await client.post("/topics/t/records", json=batch(0, a, b))).json()["appended"] == 2
        again = await client.post("/topics/t/records", json=batch(1, b, c))
        assert again.json() == {"appended": 1, "repeated": 1}
        assert [record.value for record in await read(gateway.log, "t", 0)] == [b"a", b"b", b"c"]

    with_log(tmp_path, scenario)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/topics/nope/records", batch(0, {"value": "a"}), 404),
        ("/topics/t/records", batch(0, {"partition": 9}), 404),
        ("/topics/odradek.journal/records", batch(0, {"value": "a"}), 403),
        ("/topics/t/records", batch(0, {"value": "a"}, producer="x"), 400),
        ("/topics/t/records", batch(0, {"value": "a"}, producer=make_ulid(NOW_MS + 3_600_000, bytes(10))), 400),
        ("/topics/t/records", batch(0, {"value": "a", "value_base64": "AA=="}), 400),
        ("/topics/t/records", batch(-1, {"value": "a"}), 422),
        ("/topics/t/records", batch(0, {"value": 1}), 422),
        ("/topics/t/records", batch(0, {"velue": "a"}), 422),
        ("/topics/t/records", {"records": []}, 422),
        ("/topics/t/records", batch(0, *[{"value": "a"}] * 10_001), 422),
    ],
)
def test_records_that_are_refused(path: str, body: object, status: int, tmp_path: Path) -> None:
    async def scenario(client: httpx.AsyncClient, gateway: FakeGateway) -> None:
        await create(client)
        response = await client.post(path, json=body)
        assert response.status_code == status, response.text
        assert sum([await gateway.log.end_offset("t", partition) for partition in range(3)]) == 0

    with_log(tmp_path, scenario)


# --- subscriptions ---


@pytest.mark.parametrize(
    ("options", "start"),
    [
        (None, {0: 2, 1: 1}),
        ({"auto.offset.reset": "latest"}, {0: 2, 1: 1}),
        ({"auto.offset.reset": "earliest"}, {0: 0, 1: 0}),
    ],
)
def test_a_subscription_of_the_nodes_own_log(
    options: dict[str, str] | None, start: dict[int, int], tmp_path: Path
) -> None:
    async def scenario(client: httpx.AsyncClient, gateway: FakeGateway) -> None:
        await create(client, partitions=2)
        await gateway.log.append("t", 0, [NewRecord(b"a"), NewRecord(b"b")])
        await gateway.log.append("t", 1, [NewRecord(b"c")])
        body = {"source": "kafka://local/t", "sink": SINK, "options": options}
        response = await client.post("/subscriptions", json=body)
        (command,) = gateway.commands
        assert isinstance(command, CreateSubscription)
        made = command.subscription
        assert made.start_offsets == start
        assert (made.cluster, made.topic, made.service, made.handler) == ("local", "t", "Obj", "add")
        assert made.topic_id == (await gateway.log.topic("t")).id
        assert made.created_at == NOW_MS
        assert response.status_code == 201
        assert response.headers["location"] == f"subscriptions/{made.id}"
        assert response.json() == {
            "id": made.id,
            "source": "kafka://local/t",
            "sink": SINK,
            "options": options or {},
            "status": None,
            "lag": None,
            "partitions": None,
        }
        assert made.id.startswith("sub_1")
        assert len(made.id) == 27

    with_log(tmp_path, scenario)


def foreign(name: str = "shop") -> FakeGateway:
    gateway = FakeGateway()
    gateway.kafka_clusters = {name: KafkaCluster(name, {"bootstrap.servers": "h:1"}, NOW_MS)}
    return gateway


def test_a_subscription_of_a_foreign_cluster() -> None:
    body = {"source": "kafka://shop/orders", "sink": SINK}
    response, gateway = ask_admin("POST", "/subscriptions", gateway=foreign(), json=body)
    assert response.status_code == 201
    (command,) = gateway.commands
    assert isinstance(command, CreateSubscription)
    assert (command.subscription.topic_id, command.subscription.start_offsets) == ("topic-id", {0: 7, 1: 9})
    assert command.subscription.options == {}
    assert response.json()["options"] == {"group.id": command.subscription.id}


@pytest.mark.parametrize(
    ("of_cluster", "given", "shown"),
    [({}, {"group.id": "g", "x": "y"}, {"group.id": "g", "x": "y"}), ({"group.id": "c"}, {"x": "y"}, {"x": "y"})],
)
def test_a_consumer_group_that_was_named(
    of_cluster: dict[str, str], given: dict[str, str], shown: dict[str, str]
) -> None:
    gateway = foreign()
    gateway.kafka_clusters["shop"] = KafkaCluster("shop", {"bootstrap.servers": "h:1"} | of_cluster, 1)
    body = {"source": "kafka://shop/orders", "sink": SINK, "options": given}
    response, _ = ask_admin("POST", "/subscriptions", gateway=gateway, json=body)
    assert response.json()["options"] == shown


@pytest.mark.parametrize(
    ("source", "sink", "options", "said"),
    [
        ("http://shop/orders", SINK, {}, "write kafka://cluster/topic"),
        ("kafka://shop", SINK, {}, "write kafka://cluster/topic"),
        ("kafka://shop/", SINK, {}, "write kafka://cluster/topic"),
        ("", SINK, {}, "write kafka://cluster/topic"),
        ("kafka://shop/other", SINK, {}, "cluster 'shop' has no topic 'other'"),
        ("kafka://local/odradek.journal", SINK, {}, "the topic belongs to the engine"),
        ("kafka://shop/orders", "object://Obj/add", {}, "write service://Service/handler"),
        ("kafka://shop/orders", "service://Obj", {}, "write service://Service/handler"),
        ("kafka://nope/orders", "service://Obj/nope", {}, "cannot find service/handler specified in the sink URI."),
        ("kafka://shop/orders", SINK, {"auto.offset.reset": "x"}, "use 'earliest' or 'latest'"),
    ],
)
def test_subscriptions_that_cannot_be(source: str, sink: str, options: dict[str, str], said: str) -> None:
    body = {"source": source, "sink": sink, "options": options}
    response, gateway = ask_admin("POST", "/subscriptions", gateway=foreign(), json=body)
    assert response.status_code == 400
    assert response.json()["restate_code"] == "META0009"
    assert said in response.json()["message"]
    assert not gateway.commands


def test_a_subscription_of_a_cluster_that_is_not_there() -> None:
    body = {"source": "kafka://nope/orders", "sink": SINK}
    response, _ = ask_admin("POST", "/subscriptions", gateway=foreign(), json=body)
    message = "Kafka cluster 'nope' not found. Available clusters: [local, shop]"
    assert (response.status_code, response.json()) == (400, {"message": message, "restate_code": None})


def test_a_subscription_of_a_topic_that_is_not_there(tmp_path: Path) -> None:
    async def scenario(client: httpx.AsyncClient, _: FakeGateway) -> None:
        response = await client.post("/subscriptions", json={"source": "kafka://local/nope", "sink": SINK})
        assert response.status_code == 400
        assert response.json()["restate_code"] == "META0009"

    with_log(tmp_path, scenario)


def test_a_cluster_that_does_not_answer() -> None:
    body = {"source": "kafka://down/orders", "sink": SINK}
    response, _ = ask_admin("POST", "/subscriptions", gateway=foreign("down"), json=body)
    assert (response.status_code, response.json()["message"]) == (503, "no broker answers")


def subscribed() -> FakeGateway:
    gateway = FakeGateway()
    rows = (
        Subscription("sub_1000000000000000000000a", "local", "t", "Obj", "add", {}, NOW_MS, "id", {0: 0}),
        Subscription("sub_1000000000000000000000b", "shop", "orders", "Svc", "raw", {}, NOW_MS, "id", {0: 0}),
    )
    gateway.subscriptions = {row.id: row for row in rows}
    gateway.kafka_clusters = foreign().kafka_clusters
    gateway.statuses["sub_1000000000000000000000b"] = "source: the Kafka cluster 'shop' does not answer"
    gateway.lags["sub_1000000000000000000000a"] = {1: (10, 10), 0: (4, 9)}
    return gateway


def test_reading_subscriptions() -> None:
    listed, _ = ask_admin("GET", "/subscriptions", gateway=subscribed())
    first, second = listed.json()["subscriptions"]
    assert (first["id"], first["lag"]) == ("sub_1000000000000000000000a", 5)
    assert first["partitions"] == [
        {"partition": 0, "position": 4, "end": 9, "lag": 5},
        {"partition": 1, "position": 10, "end": 10, "lag": 0},
    ]
    assert (second["id"], second["lag"], second["partitions"]) == ("sub_1000000000000000000000b", None, None)
    assert second["status"] == "source: the Kafka cluster 'shop' does not answer"
    one, _ = ask_admin("GET", "/subscriptions/sub_1000000000000000000000a", gateway=subscribed())
    assert one.json() == first
    for query in ("source=kafka://shop/orders", "sink=service://Svc/raw"):
        chosen, _ = ask_admin("GET", f"/subscriptions?{query}", gateway=subscribed())
        assert [each["id"] for each in chosen.json()["subscriptions"]] == ["sub_1000000000000000000000b"]
    cluster, _ = ask_admin("GET", "/kafka-clusters/shop?include_subscriptions=true", gateway=subscribed())
    assert [each["id"] for each in cluster.json()["subscriptions"]] == ["sub_1000000000000000000000b"]


def test_deleting_subscriptions() -> None:
    deleted, gateway = ask_admin("DELETE", "/subscriptions/sub_1000000000000000000000a", gateway=subscribed())
    assert (deleted.status_code, gateway.commands) == (202, [DeleteSubscription("sub_1000000000000000000000a")])
    for method in ("GET", "DELETE"):
        missing, _ = ask_admin(method, "/subscriptions/sub_1000000000000000000000c", gateway=subscribed())
        assert missing.status_code == 404
        assert missing.json()["message"] == "The requested subscription 'sub_1000000000000000000000c' does not exist"
        malformed, _ = ask_admin(method, "/subscriptions/nope", gateway=subscribed())
        assert malformed.status_code == 400
        assert malformed.text == "Invalid URL: Cannot parse `subscription` with value `nope`: bad format"
