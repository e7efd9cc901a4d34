"""What a subscription says about itself: counters, and what troubles it now.

Counters are plain integers, read only when somebody looks. A trouble is logged when it begins.
"""

from __future__ import annotations

import logging
from typing import Final

import msgspec

from odradek_engine.gateway import Clock

LOG_PAUSE_SECONDS: Final = 30.0
"""A trouble that only changes its words is not logged more often."""

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

    def __init__(self, subscription: str, clock: Clock) -> None:
        self.subscription = subscription
        self.counters = SubscriptionCounters()
        self._clock = clock
        self._troubles: dict[str, str] = {}
        self._log_again_at: dict[str, float] = {}

    def trouble(self, where: str, text: str) -> None:
        """Something does not work; it is being tried again."""
        before = self._troubles.get(where)
        self._troubles[where] = text
        now = self._clock.monotonic()
        if text != before and (before is None or now >= self._log_again_at[where]):
            self._log_again_at[where] = now + LOG_PAUSE_SECONDS
            _log.warning("subscription %s, %s: %s", self.subscription, where, text)

    def well(self, where: str) -> None:
        """It works."""
        if where in self._troubles:
            self.forget(where)
            _log.info("subscription %s, %s: works again", self.subscription, where)

    def forget(self, where: str) -> None:
        """Whether it works does not matter any more."""
        if self._troubles.pop(where, None) is not None:
            del self._log_again_at[where]

    def lost(self, count: int, text: str) -> None:
        """Records are gone for good."""
        self.counters.lost += count
        _log.error("subscription %s: %s", self.subscription, text)

    def report(self) -> SubscriptionReport:
        """As it is now."""
        return SubscriptionReport(self.subscription, msgspec.structs.replace(self.counters), dict(self._troubles))
