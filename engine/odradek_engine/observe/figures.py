"""What a node tells the node port about itself, at one moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec


class PartitionFigures(msgspec.Struct, frozen=True):
    """A partition on this node."""

    partition: int
    leading: bool
    applied: int
    """Journal records that are in its tables."""
    unapplied: int
    """Journal records that are acknowledged and not yet in its tables."""
    queued: int
    """Commands that wait for their turn."""


class SubscriptionFigures(msgspec.Struct, frozen=True):
    """A subscription, and what became of its records since the node started.

    `positions`: for each source partition the next offset to take and the end offset; None while unknown.
    """

    subscription: str
    topic: str
    taken: int
    lost: int
    restarts: int
    positions: Mapping[int, tuple[int, int]] | None


class AttemptFigures(msgspec.Struct, frozen=True):
    """Executions of handlers: now, and since the node started."""

    running: int
    waiting: int
    """For a free slot."""
    limit: int


class NodeFigures(Protocol):
    """A node, as the node port sees it."""

    def partitions(self) -> Sequence[PartitionFigures]:
        """Its partitions."""

    def attempts(self) -> AttemptFigures:
        """Its executions of handlers."""

    async def subscriptions(self) -> Sequence[SubscriptionFigures]:
        """Its subscriptions."""
