"""What is asked of a server. `{key}` in a path or body stands for a number below `keys`, drawn for each request."""

from __future__ import annotations

from dataclasses import dataclass

KEYS = 10_000

EVENTS = "events"
"""The workload without requests: events of a topic, into objects."""


@dataclass(frozen=True)
class Workload:
    """Requests of one kind, JSON in and out."""

    name: str
    path: str
    body: str
    keys: int = 1
    steps: int = 0
    """Durable steps in each call."""


WORKLOADS = (
    Workload("noop", "/Work/noop", '"x"'),
    Workload("steps1", "/Work/steps", "1", steps=1),
    Workload("steps3", "/Work/steps", "3", steps=3),
    Workload("steps9", "/Work/steps", "9", steps=9),
    Workload("add", "/Counter/{key}/add", "1", keys=KEYS),
    Workload("call", "/Work/call", '"{key}"', keys=KEYS),
)

NAMES = (*(workload.name for workload in WORKLOADS), EVENTS)


def chosen(names: tuple[str, ...]) -> tuple[Workload, ...]:
    """The workloads of these names."""
    return tuple(workload for workload in WORKLOADS if workload.name in names)
