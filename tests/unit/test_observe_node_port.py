"""The node port: health and metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import httpx
import pytest
from fakes_http import FakeClock, FakeGateway, ingress
from prometheus_client.parser import text_string_to_metric_families

from odradek.protocol.messages import Failure
from odradek_engine.asgi import HttpServer
from odradek_engine.gateway import Overloaded
from odradek_engine.ingress.limits import IngressLimits
from odradek_engine.model.commands import AnyCommand, Invoke
from odradek_engine.model.outcomes import AnyOutcome, Ended
from odradek_engine.model.rows import Result
from odradek_engine.observe.figures import AttemptFigures, PartitionFigures, SubscriptionFigures
from odradek_engine.observe.ingress import OTHER_SERVICES, SERVICES_MAX, IngressCounters
from odradek_engine.observe.metrics import Labels, Metrics
from odradek_engine.observe.node_port import NodeIdentity, NodePort


class FakeFigures:
    def partitions(self) -> Sequence[PartitionFigures]:
        return [PartitionFigures(0, True, 10, 2, 3), PartitionFigures(1, False, 5, 0, 0)]

    def attempts(self) -> AttemptFigures:
        return AttemptFigures(4, 1, 1000)

    async def subscriptions(self) -> Sequence[SubscriptionFigures]:
        return [
            SubscriptionFigures("sub_1a", "t", 7, 1, 2, {0: (4, 9), 1: (3, 3)}),
            SubscriptionFigures("sub_1b", "t", 0, 0, 0, None),
        ]


class Samples:
    """The samples of a node's metrics, by name and labels."""

    def __init__(self, counters: IngressCounters) -> None:
        text = asyncio.run(Metrics(Labels("c", "n"), counters, FakeFigures()).text()).decode()
        self._found: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                labels = dict(sample.labels)
                if family.name.startswith("restate_"):
                    assert (labels.pop("cluster_name"), labels.pop("node_name")) == ("c", "n")
                self._found[sample.name, frozenset(labels.items())] = sample.value

    def get(self, name: str, **labels: str) -> float | None:
        return self._found.get((name, frozenset(labels.items())))


def answer(command: AnyCommand) -> AnyOutcome:
    assert isinstance(command, Invoke)
    if command.invocation.idempotency_key == "fail":
        return Ended(command.invocation.id, Result(failure=Failure(500, "no")))
    if command.invocation.idempotency_key == "full":
        raise Overloaded
    return Ended(command.invocation.id, Result(value=b"1"))


def test_requests_are_counted_by_what_became_of_them() -> None:
    async def scenario() -> IngressCounters:
        async with ingress(FakeGateway(answer), IngressLimits()) as (server, client):
            for key in ("a", "b", "fail", "full"):
                await client.post("/Svc/noin", headers={"idempotency-key": key})
            await client.post("/Svc/noin", content=b"unwanted")
            await client.post("/Nope/noin")
            await client.get("/restate/health")
            return server.counters

    found = Samples(asyncio.run(scenario()))
    for status, count in (("completed", 2), ("request_error", 1), ("invocation_error", 1), ("ingress_error", 1)):
        labels = {"status": status, "rpc_service": "Svc", "rpc_type": "call"}
        assert found.get("restate_ingress_requests_total", **labels) == count, status
    assert found.get("restate_ingress_requests_total", status="admitted", rpc_service="", rpc_type="") == 6
    assert found.get("restate_ingress_requests_running") == 0
    assert found.get("restate_ingress_http_connection_created_total") == 1
    assert found.get("restate_ingress_request_duration_seconds_count", rpc_service="Svc", rpc_type="call") == 3


def test_durations_fall_into_buckets() -> None:
    counters = IngressCounters()
    of_service = counters.of("Svc", "call")
    for seconds in (0.0001, 0.001, 0.002, 100.0):
        of_service.took(seconds)
    found = Samples(counters)
    name = "restate_ingress_request_duration_seconds"
    labels = {"rpc_service": "Svc", "rpc_type": "call"}
    for bound, count in (("0.0005", 1), ("0.001", 2), ("0.0025", 3), ("10.0", 3), ("+Inf", 4)):
        assert found.get(f"{name}_bucket", le=bound, **labels) == count, bound
    assert round(found.get(f"{name}_sum", **labels) or 0, 4) == 100.0031


def test_figures_of_the_node() -> None:
    found = Samples(IngressCounters())
    assert found.get("restate_num_partitions") == 2
    assert found.get("restate_num_active_partition_leaders") == 1
    assert found.get("restate_partition_applied_lsn_lag", partition="0") == 2
    assert found.get("restate_partition_commands_queued", partition="0") == 3
    assert found.get("restate_invoker_slots_acquired") == 4
    assert found.get("restate_kafka_ingress_requests_total", subscription="sub_1a") == 7
    lag = "restate_kafka_ingress_consumer_lag"
    assert found.get(lag, subscription="sub_1a", topic="t", partition="0") == 5
    assert found.get(lag, subscription="sub_1a", topic="t", partition="1") == 0
    assert found.get(lag, subscription="sub_1b", topic="t", partition="0") is None


def test_the_number_of_counted_services_is_bounded() -> None:
    counters = IngressCounters()
    for number in range(SERVICES_MAX + 10):
        counters.of(f"S{number}", "call").completed += 1
    assert len(counters.requests) == SERVICES_MAX + 1
    assert counters.requests[OTHER_SERVICES, "call"].completed == 10


@pytest.mark.row("N3")
def test_the_port() -> None:
    async def scenario() -> None:
        clock = FakeClock()
        identity = NodeIdentity("c", "n", {"http-ingress-server": "127.0.0.1:8080"})
        port = NodePort(identity, Metrics(Labels("c", "n"), IngressCounters(), FakeFigures()), clock)
        server = HttpServer(port.app(), "the node port", "bind-port")
        await server.start("127.0.0.1", 0)
        clock.now += 61_500
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client:
            health = (await client.get("/health")).json()
            metrics = await client.get("/metrics")
            assert (await client.get("/nope")).status_code == 404
        await server.stop(1)
        assert (health["status"], health["cluster_name"], health["age"]) == ("Alive", "c", "1m 1s 500ms")
        assert health["roles"] == ["http-ingress", "admin", "worker"]
        assert health["bound_addresses"] == [
            {"name": "http-ingress-server", "address": "127.0.0.1:8080", "kind": "tcp"}
        ]
        assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert b"process_resident_memory_bytes" in metrics.content

    asyncio.run(scenario())
