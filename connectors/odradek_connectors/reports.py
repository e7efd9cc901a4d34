"""What a subscription says about itself: counters, and what troubles it now.

Counters are plain integers, read only when somebody looks. Every new trouble is logged once.
"""

from __future__ import annotations

import logging

import msgspec

_log = logging.getLogger(__name__)


class SubscriptionCounters(msgspec.Struct):
    """What became of a subscription's records since the node started."""

    requests: int = 0
    """Records that were taken."""
    lost: int = 0
    """Offsets that the source had deleted before they were read."""
    broken_chains: int = 0
    """How often records had to be sent again."""
    restarts: int = 0
    """How often reading failed and began anew."""


class SubscriptionReport(msgspec.Struct, frozen=True):
    """A subscription as it is now. `troubles`: what does not work, by where; empty while all is well."""

    subscription: str
    counters: SubscriptionCounters
    troubles: dict[str, str]

    @property
    def status(self) -> str:
        """One line for people."""
        return "; ".join(f"{where}: {text}" for where, text in self.troubles.items()) or "running"


class Health:
    """A subscription's counters and troubles, written by all that works for it, on the loop's thread."""

    def __init__(self, subscription: str) -> None:
        self.subscription = subscription
        self.counters = SubscriptionCounters()
        self._troubles: dict[str, str] = {}

    def trouble(self, where: str, text: str) -> None:
        """Something does not work; it is being tried again."""
        if self._troubles.get(where) != text:
            self._troubles[where] = text
            _log.warning("subscription %s, %s: %s", self.subscription, where, text)

    def well(self, where: str) -> None:
        """It works."""
        if self._troubles.pop(where, None) is not None:
            _log.info("subscription %s, %s: works again", self.subscription, where)

    def lost(self, count: int, text: str) -> None:
        """Records are gone for good."""
        self.counters.lost += count
        _log.error("subscription %s: %s", self.subscription, text)

    def report(self) -> SubscriptionReport:
        """As it is now."""
        return SubscriptionReport(self.subscription, msgspec.structs.replace(self.counters), dict(self._troubles))
