"""Counters of the ingress: plain integers, read by the registry only when somebody looks."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

DURATION_BOUNDS_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the buckets; one more bucket is for what takes longer."""
SERVICES_MAX: Final = 1000
"""Services with counters of their own; requests to further ones are counted together."""
OTHER_SERVICES: Final = "(other)"


class RequestCounters:
    """Requests of one service and one kind (`call`, `send`), by how they ended, and how long they took."""

    __slots__ = (
        "abandoned",
        "completed",
        "durations",
        "ingress_error",
        "invocation_error",
        "kind",
        "request_error",
        "seconds",
        "service",
    )

    def __init__(self, service: str, kind: str) -> None:
        self.service = service
        self.kind = kind
        self.completed = 0
        self.request_error = 0
        """The client's fault; no invocation was made."""
        self.invocation_error = 0
        """The handler's terminal failure."""
        self.ingress_error = 0
        """Ours: overload, a partition that is not there."""
        self.abandoned = 0
        """The client left before the answer."""
        self.durations = [0] * (len(DURATION_BOUNDS_SECONDS) + 1)
        self.seconds = 0.0

    def took(self, seconds: float) -> None:
        """A request got its answer."""
        self.durations[bisect_left(DURATION_BOUNDS_SECONDS, seconds)] += 1
        self.seconds += seconds


class IngressCounters:
    """All counters of one ingress."""

    def __init__(self) -> None:
        self.connections_created = 0
        self.connections_closed = 0
        self.admitted = 0
        self.throttled = 0
        self.running = 0
        """Requests whose outcome is still to come."""
        self.requests: dict[tuple[str, str], RequestCounters] = {}

    def of(self, service: str, kind: str) -> RequestCounters:
        """The counters of a service; made at the first request."""
        counters = self.requests.get((service, kind))
        if counters is None:
            if len(self.requests) >= SERVICES_MAX:
                service = OTHER_SERVICES
            counters = self.requests.setdefault((service, kind), RequestCounters(service, kind))
        return counters
