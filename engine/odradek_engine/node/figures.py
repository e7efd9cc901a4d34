"""What the node port shows of a node, gathered when somebody looks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from odradek_engine.node.node import Node
from odradek_engine.observe.figures import AttemptFigures, PartitionFigures, SubscriptionFigures


class Figures:
    """Implements `NodeFigures`. `readers`: the supervisor of the subscriptions."""

    def __init__(self, node: Node, readers: Any) -> None:
        self._node = node
        self._readers = readers

    def partitions(self) -> Sequence[PartitionFigures]:
        """Every partition of this process."""
        return [
            PartitionFigures(
                processor.partition,
                processor.leading,
                processor.stored_offset + 1,
                max(0, processor.position().offset - processor.stored_offset),
                len(processor.queue),
            )
            for processor in self._node.processors
        ]

    def attempts(self) -> AttemptFigures:
        """Handlers that run, and those that wait for a slot."""
        attempts = self._node.attempts
        limit = self._node.config.worker.invoker.concurrent_invocations_limit
        return AttemptFigures(attempts.live_count, attempts.waiting_count, limit)

    async def subscriptions(self) -> Sequence[SubscriptionFigures]:
        """Every subscription that is read here."""
        known = self._node.subscriptions
        return [
            SubscriptionFigures(
                report.subscription,
                known[report.subscription].topic,
                report.counters.requests,
                report.counters.lost,
                report.counters.restarts,
                await self._readers.lag(report.subscription),
            )
            for report in self._readers.reports()
            if report.subscription in known
        ]
