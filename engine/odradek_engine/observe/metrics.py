"""The node's metrics in Prometheus' text form.

Nothing is counted here: figures are collected when somebody looks, so that a request pays for integers only. Names
are Restate's where the meaning is the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Final

import msgspec
from prometheus_client import ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from odradek_engine.observe.figures import AttemptFigures, NodeFigures, PartitionFigures, SubscriptionFigures
from odradek_engine.observe.ingress import DURATION_BOUNDS_SECONDS, IngressCounters, RequestCounters

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_OUTCOMES: Final = ("completed", "request_error", "invocation_error", "ingress_error", "abandoned")


class Labels(msgspec.Struct, frozen=True):
    """What stands on every sample."""

    cluster_name: str
    node_name: str


class Metrics:
    """All metrics of a node."""

    def __init__(self, labels: Labels, ingress: IngressCounters, figures: NodeFigures) -> None:
        self._labels = labels
        self._ingress = ingress
        self._figures = figures

    async def text(self) -> bytes:
        """Everything as it is now. Rendering happens in a thread."""
        figures = self._figures
        moment = _Moment(
            self._labels, self._ingress, figures.partitions(), figures.attempts(), await figures.subscriptions()
        )
        return await asyncio.to_thread(generate_latest, moment)


class _Moment:
    """The metrics of one moment, as Prometheus' client wants them."""

    def __init__(
        self,
        labels: Labels,
        ingress: IngressCounters,
        partitions: Sequence[PartitionFigures],
        attempts: AttemptFigures,
        subscriptions: Sequence[SubscriptionFigures],
    ) -> None:
        self._names = ("cluster_name", "node_name")
        self._values = [labels.cluster_name, labels.node_name]
        self._ingress = ingress
        self._partitions = partitions
        self._attempts = attempts
        self._subscriptions = subscriptions

    def collect(self) -> Iterator[Metric]:
        """All families."""
        yield from self._of_ingress()
        yield from self._of_partitions()
        yield from self._of_attempts()
        yield from self._of_subscriptions()
        yield from ProcessCollector(registry=None).collect()

    def _counter(
        self, name: str, text: str, samples: Iterable[tuple[Sequence[str], float]], labels: Sequence[str] = ()
    ) -> CounterMetricFamily:
        family = CounterMetricFamily(name, text, labels=[*self._names, *labels])
        for values, value in samples:
            family.add_metric([*self._values, *values], value)
        return family

    def _gauge(
        self, name: str, text: str, samples: Iterable[tuple[Sequence[str], float]], labels: Sequence[str] = ()
    ) -> GaugeMetricFamily:
        family = GaugeMetricFamily(name, text, labels=[*self._names, *labels])
        for values, value in samples:
            family.add_metric([*self._values, *values], value)
        return family

    def _of_ingress(self) -> Iterator[Metric]:
        counters = self._ingress
        yield self._counter(
            "restate_ingress_http_connection_created",
            "Connections of clients that were opened",
            [((), counters.connections_created)],
        )
        yield self._counter(
            "restate_ingress_http_connection_dropped",
            "Connections of clients that were closed",
            [((), counters.connections_closed)],
        )
        requests = list(counters.requests.values())
        samples: list[tuple[Sequence[str], float]] = [
            (("admitted", "", ""), counters.admitted),
            (("throttled", "", ""), counters.throttled),
        ]
        for each in requests:
            samples += [((outcome, each.service, each.kind), getattr(each, outcome)) for outcome in _OUTCOMES]
        yield self._counter(
            "restate_ingress_requests",
            "Requests by what became of them",
            samples,
            ("status", "rpc_service", "rpc_type"),
        )
        yield self._gauge(
            "restate_ingress_requests_running", "Requests whose outcome is still to come", [((), counters.running)]
        )
        yield self._durations(requests)

    def _durations(self, requests: Sequence[RequestCounters]) -> HistogramMetricFamily:
        family = HistogramMetricFamily(
            "restate_ingress_request_duration_seconds",
            "From a whole request to its outcome",
            labels=[*self._names, "rpc_service", "rpc_type"],
        )
        bounds = [*(str(bound) for bound in DURATION_BOUNDS_SECONDS), "+Inf"]
        for each in requests:
            buckets = list(zip(bounds, accumulate(each.durations), strict=True))
            family.add_metric([*self._values, each.service, each.kind], buckets, each.seconds)
        return family

    def _of_partitions(self) -> Iterator[Metric]:
        partitions = self._partitions
        leading = sum(each.leading for each in partitions)
        yield self._gauge("restate_num_partitions", "Partitions on this node", [((), len(partitions))])
        yield self._gauge("restate_num_active_partition_leaders", "Partitions this node leads", [((), leading)])
        for name, text, field in (
            ("restate_partition_applied_lsn", "Journal records in the partition's tables", "applied"),
            ("restate_partition_applied_lsn_lag", "Acknowledged journal records not yet in the tables", "unapplied"),
            ("restate_partition_commands_queued", "Commands that wait for their turn", "queued"),
        ):
            samples = [((str(each.partition),), float(getattr(each, field))) for each in partitions]
            yield self._gauge(name, text, samples, ("partition",))

    def _of_attempts(self) -> Iterator[Metric]:
        attempts = self._attempts
        for name, text, value in (
            ("restate_invoker_slots_acquired", "Handlers that run now", attempts.running),
            ("restate_invoker_slots_awaited", "Attempts that wait for a free slot", attempts.waiting),
            ("restate_invoker_concurrency_limit", "How many handlers may run at once", attempts.limit),
        ):
            yield self._gauge(name, text, [((), value)])

    def _of_subscriptions(self) -> Iterator[Metric]:
        subscriptions = self._subscriptions
        for name, text, field in (
            ("restate_kafka_ingress_requests", "Records that became invocations", "taken"),
            ("restate_kafka_ingress_lost", "Offsets that were gone before they were read", "lost"),
            ("restate_kafka_ingress_restarts", "How often reading failed and began anew", "restarts"),
        ):
            samples = [((each.subscription,), float(getattr(each, field))) for each in subscriptions]
            yield self._counter(name, text, samples, ("subscription",))
        yield self._gauge(
            "restate_kafka_ingress_consumer_lag",
            "Records that are not taken yet",
            [
                ((each.subscription, each.topic, str(partition)), float(max(0, end - position)))
                for each in subscriptions
                for partition, (position, end) in sorted((each.positions or {}).items())
            ],
            ("subscription", "topic", "partition"),
        )
