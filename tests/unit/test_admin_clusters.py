"""Kafka clusters over HTTP: made, read, changed, deleted; their secrets never come out."""

from __future__ import annotations

import pytest
from fakes_admin import ask_admin, assert_plain, assert_refused
from fakes_http import NOW_MS, FakeGateway

from odradek_engine.model.commands import AnyCommand, ChangeKafkaCluster, CreateKafkaCluster, DeleteKafkaCluster
from odradek_engine.model.outcomes import AnyOutcome, Done, Refused
from odradek_engine.model.rows import KafkaCluster

PROPERTIES = {"bootstrap.servers": "h:1", "sasl.password": "s"}


@pytest.mark.row("K1")
def test_creating_a_kafka_cluster() -> None:
    properties = {"bootstrap.servers": "h:9092", "sasl.password": "s", "ssl.key.pem": "k", "sasl.username": "u"}
    response, gateway = ask_admin(
        "POST", "/kafka-clusters", lambda _: Done(), json={"name": "c1", "properties": properties}
    )
    assert response.status_code == 201
    assert response.headers["location"] == "kafka-clusters/c1"
    assert response.json() == {
        "name": "c1",
        "properties": properties | {"sasl.password": "***", "ssl.key.pem": "***"},
        "created_at": "2026-11-22T14:23:11.533000000Z",
    }
    assert gateway.commands == [CreateKafkaCluster(KafkaCluster("c1", properties, NOW_MS))]


def test_kafka_clusters_that_cannot_be_created() -> None:
    without, _ = ask_admin("POST", "/kafka-clusters", json={"name": "c1", "properties": {}})
    assert_refused(
        without,
        400,
        "kafka cluster 'c1' properties must contain either 'bootstrap.servers' or 'metadata.broker.list'",
    )
    unnameable, _ = ask_admin("POST", "/kafka-clusters", json={"name": "a b", "properties": PROPERTIES})
    assert unnameable.status_code == 422
    known, _ = ask_admin(
        "POST",
        "/kafka-clusters",
        lambda _: Refused(409, "The Kafka cluster 'c1' already exists"),
        json={"name": "c1", "properties": {"metadata.broker.list": "h:1"}},
    )
    assert_refused(known, 409, "The Kafka cluster 'c1' already exists")


def test_reading_and_deleting_kafka_clusters() -> None:
    gateway = FakeGateway(lambda _: Done())
    gateway.kafka_clusters = {"c1": KafkaCluster("c1", {"bootstrap.servers": "h:1"}, NOW_MS)}
    listed, _ = ask_admin("GET", "/kafka-clusters", gateway=gateway)
    assert [each["name"] for each in listed.json()["clusters"]] == ["c1"]
    one, _ = ask_admin("GET", "/kafka-clusters/c1?include_subscriptions=true", gateway=gateway)
    assert one.json()["subscriptions"] == []
    broken, _ = ask_admin("GET", "/kafka-clusters/c1?include_subscriptions=x", gateway=gateway)
    assert_plain(broken, 400, "Failed to deserialize query string: include_subscriptions")
    missing, _ = ask_admin("GET", "/kafka-clusters/nope", gateway=gateway)
    assert_refused(missing, 404, "The requested Kafka cluster 'nope' does not exist")
    deleted, _ = ask_admin("DELETE", "/kafka-clusters/c1?force=true", gateway=gateway)
    assert deleted.status_code == 202
    assert gateway.commands == [DeleteKafkaCluster("c1", force=True)]


def changeable() -> FakeGateway:
    """A gateway whose registry changes a cluster as it is told."""

    def change(command: AnyCommand) -> AnyOutcome:
        assert isinstance(command, ChangeKafkaCluster)
        gateway.kafka_clusters[command.name] = KafkaCluster(command.name, command.properties, NOW_MS)
        return Done()

    gateway = FakeGateway(change)
    gateway.kafka_clusters = {"c1": KafkaCluster("c1", PROPERTIES, NOW_MS)}
    return gateway


@pytest.mark.row("K13")
def test_all_properties_are_replaced_and_hidden_ones_stay_as_they_are() -> None:
    sent = {"bootstrap.servers": "h:2", "sasl.password": "***", "ssl.key.pem": "***"}
    response, gateway = ask_admin("PATCH", "/kafka-clusters/c1", gateway=changeable(), json={"properties": sent})
    assert (response.status_code, response.json()["properties"]) == (200, sent)
    stored = {"bootstrap.servers": "h:2", "sasl.password": "s", "ssl.key.pem": "***"}
    assert gateway.commands == [ChangeKafkaCluster("c1", stored)]


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("c1", {"properties": {}}, 400),
        ("c1", {"properties": {"client.id": "x"}}, 400),
        ("c1", {}, 422),
        ("c1", {"properties": None}, 422),
        ("nope", {"properties": PROPERTIES}, 404),
        ("nope", {}, 422),
    ],
)
def test_changes_that_are_refused(name: str, body: object, status: int) -> None:
    response, gateway = ask_admin("PATCH", f"/kafka-clusters/{name}", gateway=changeable(), json=body)
    assert response.status_code == status
    assert gateway.commands == []
