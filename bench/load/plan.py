"""A load to be put on a server, and what came of it."""

from __future__ import annotations

import resource
from dataclasses import dataclass

from bench.workloads import Workload

REQUEST_SECONDS_MAX = 10
"""A request that takes longer counts as failed."""


class LoadFailed(Exception):
    """The generator itself failed; the text says how."""


@dataclass(frozen=True)
class Load:
    """`workload` by so many clients at once, for so many seconds."""

    host: str
    port: int
    workload: Workload
    clients: int
    seconds: float


@dataclass(frozen=True)
class Measured:
    """What a load came to. `failed` counts requests without a good answer."""

    requests: int
    seconds: float
    failed: int
    p50_ms: float
    p99_ms: float
    generator_cpu: float
    """What the generator used of one core; near 1 it was the bottleneck, not the server."""

    @property
    def per_second(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


def children_cpu_seconds() -> float:
    """CPU of all child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
