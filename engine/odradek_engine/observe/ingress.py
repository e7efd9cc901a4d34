"""Counters of the ingress: plain integers, read by the registry only when somebody looks."""

from __future__ import annotations

from typing import Final

_MAX_SERVICES: Final = 1000
"""Services with counters of their own; requests to further ones are counted together."""


class RequestCounters:
    """Requests of one service and one kind (`call`, `send`), by how they ended."""

    __slots__ = ("completed", "ingress_error", "invocation_error", "kind", "request_error", "service")

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


class IngressCounters:
    """All counters of one ingress."""

    def __init__(self) -> None:
        self.connections_created = 0
        self.connections_closed = 0
        self.admitted = 0
        self.throttled = 0
        self.running = 0
        self.requests: dict[tuple[str, str], RequestCounters] = {}

    def of(self, service: str, kind: str) -> RequestCounters:
        """The counters of a service; made at the first request."""
        counters = self.requests.get((service, kind))
        if counters is None:
            if len(self.requests) >= _MAX_SERVICES:
                service = "(other)"
            counters = self.requests.setdefault((service, kind), RequestCounters(service, kind))
        return counters
