"""Whoever asks a Kafka cluster in vain leaves no client of it behind: each has threads of its own.

A subscription whose cluster is away is tried again all night.
"""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from connector_fakes import FakeGateway, subscription

from odradek_connectors.entrance import Entrance
from odradek_connectors.kafka_source import KafkaSource
from odradek_connectors.progress import Progress
from odradek_connectors.reports import Health
from odradek_connectors.resolver import KafkaSourceResolver
from odradek_engine.log import kafka_admin
from odradek_engine.log.kafka_admin import KafkaAdmin
from odradek_engine.log.kafka_settings import KafkaSettings
from odradek_engine.log.port import LogUnavailable
from odradek_engine.model.rows import KafkaCluster

AWAY = KafkaCluster("away", {"bootstrap.servers": "127.0.0.1:1"}, 0)


class NotedClient(kafka_admin.AdminClient):
    """Knows which ones there are."""

    all: weakref.WeakSet[NotedClient] = weakref.WeakSet()

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.all.add(self)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Without the cycle collector, which a node runs rarely."""
    monkeypatch.setattr(kafka_admin, "REQUEST_SECONDS", 0.2)
    monkeypatch.setattr(kafka_admin, "AdminClient", NotedClient)
    gc.disable()
    yield
    gc.enable()


def test_a_source_that_failed() -> None:
    async def fail() -> None:
        gateway = FakeGateway()
        wanted = subscription("t", cluster="away")
        health = Health(wanted.id, gateway.clock)
        source = KafkaSource(
            Entrance(gateway), wanted, AWAY, Progress(gateway, wanted, gateway.committed, health), health
        )
        with pytest.raises(LogUnavailable):
            await source.run()
        await source.close()
        with pytest.raises(LogUnavailable):
            await source._admin.cluster()

    asyncio.run(fail())
    assert not NotedClient.all


def test_a_subscription_that_was_refused() -> None:
    with pytest.raises(LogUnavailable):
        asyncio.run(KafkaSourceResolver().resolve(AWAY, "payments", {}))
    assert not NotedClient.all


def test_a_later_failure_is_told_by_its_own_cause() -> None:
    async def ask_twice() -> None:
        admin = KafkaAdmin(KafkaSettings("127.0.0.1:1"))
        admin._failed(kafka_admin.KafkaError(kafka_admin.KafkaError._RESOLVE, "no such host"))
        with pytest.raises(LogUnavailable) as told:
            await admin.cluster()
        assert "no such host" not in str(told.value)
        admin.close()

    asyncio.run(ask_twice())
