"""What a subscription says about itself: counters, and what troubles it now.

Counters are plain integers, read only when somebody looks. Every new trouble is logged once.
"""

from __future__ import annotations

import logging

import msgspec

_log = logging.getLogger(__name__)


class SubscriptionCounters:
    """What became of a subscription's records since the node started."""

    __slots__ = ("broken_chains", "failed", "lost", "requests", "restarts")

    def __init__(self) -> None:
        self.requests = 0
        """Records whose invocation is durable."""
        self.failed = 0
        """How many of them failed before they started."""
        self.lost = 0
        """Offsets that the source had deleted before they were read."""
        self.broken_chains = 0
        """How often records had to be sent again."""
        self.restarts = 0
        """How often reading failed and began anew."""


class SubscriptionReport(msgspec.Struct, frozen=True):
    """A subscription as it is now. `troubles`: by source partition, None for the whole; empty while all is well."""

    subscription: str
    counters: SubscriptionCounters
    troubles: dict[int | None, str]

    @property
    def status(self) -> str:
        """One line for people."""
        texts = [
            text if partition is None else f"partition {partition}: {text}"
            for partition, text in sorted(self.troubles.items(), key=lambda item: -1 if item[0] is None else item[0])
        ]
        return "; ".join(texts) or "running"


class Health:
    """A subscription's counters and troubles, written by all that works for it."""

    def __init__(self, subscription: str) -> None:
        self.subscription = subscription
        self.counters = SubscriptionCounters()
        self._troubles: dict[int | None, str] = {}

    def trouble(self, text: str, partition: int | None = None) -> None:
        """Something does not work; it is being tried again."""
        if self._troubles.get(partition) != text:
            self._troubles[partition] = text
            where = "" if partition is None else f", partition {partition}"
            _log.warning("subscription %s%s: %s", self.subscription, where, text)

    def well(self, partition: int | None = None) -> None:
        """It works again."""
        if self._troubles.pop(partition, None) is not None:
            where = "" if partition is None else f", partition {partition}"
            _log.info("subscription %s%s: works again", self.subscription, where)

    def lost(self, count: int, text: str) -> None:
        """Records are gone for good."""
        self.counters.lost += count
        _log.error("subscription %s: %s", self.subscription, text)

    def report(self) -> SubscriptionReport:
        """As it is now."""
        return SubscriptionReport(self.subscription, self.counters, dict(self._troubles))
