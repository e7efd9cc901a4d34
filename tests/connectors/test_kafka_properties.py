"""How the clients of a subscribed cluster are configured."""

from __future__ import annotations

import pytest
from connector_fakes import subscription

from odradek_connectors.kafka_properties import admin_settings, consumer_properties
from odradek_engine.log.port import LogError
from odradek_engine.model.rows import KafkaCluster
from odradek_engine.model.subscribing import starts_at_begin

CLUSTER = KafkaCluster("w", {"metadata.broker.list": "a:1,b:2", "security.protocol": "SSL", "client.id": "shop"}, 0)


@pytest.mark.row("K4")
def test_options_win_over_the_cluster_and_the_cluster_over_defaults() -> None:
    found = consumer_properties(CLUSTER, subscription("t", options={"client.id": "mine", "fetch.wait.max.ms": "7"}))
    assert found["bootstrap.servers"] == "a:1,b:2"
    assert "metadata.broker.list" not in found
    assert found["security.protocol"] == "SSL"
    assert found["client.id"] == "mine"
    assert found["fetch.wait.max.ms"] == "7"
    assert found["group.id"] == "sub_1"
    assert found["isolation.level"] == "read_committed"


def test_what_exactly_once_rests_on_cannot_be_chosen() -> None:
    wished = {
        "enable.auto.commit": "true",
        "enable.auto.offset.store": "true",
        "auto.offset.reset": "earliest",
        "partition.assignment.strategy": "range",
        "enable.partition.eof": "false",
    }
    found = consumer_properties(CLUSTER, subscription("t", options={**wished, "group.id": "shared"}))
    assert all(found[name] != value for name, value in wished.items())
    assert found["group.id"] == "shared"


def test_questions_about_topics_need_no_consumer_properties() -> None:
    settings = admin_settings(CLUSTER, {"group.id": "g", "isolation.level": "read_uncommitted", "acks": "1"})
    assert settings.bootstrap_servers == "a:1,b:2"
    assert settings.admin()["security.protocol"] == "SSL"
    assert not {"group.id", "isolation.level", "acks"} & settings.admin().keys()


def test_a_cluster_without_brokers_is_named() -> None:
    with pytest.raises(LogError, match="'empty' has no property"):
        consumer_properties(KafkaCluster("empty", {}, 0), subscription("t"))


@pytest.mark.parametrize(("option", "begin"), [("earliest", True), ("latest", False), (None, False)])
def test_where_a_new_subscription_begins(option: str | None, begin: bool) -> None:
    assert starts_at_begin({} if option is None else {"auto.offset.reset": option}) is begin
