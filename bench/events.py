"""Events of a topic into objects that add them up: how fast, and whether each counted once."""

from __future__ import annotations

import time
from collections.abc import Callable

from bench.admin import Event
from bench.process_usage import cpu_ns_by_thread, cpu_since
from bench.results import Events
from bench.servers.server import Server
from bench.workloads import KEYS

SINK = "service://Tally/count"
SECONDS_MAX = 600.0
LAG_POLL_SECONDS = 0.02
TOTAL_POLL_SECONDS = 0.25
SETTLE_SECONDS = 1.0
"""When the sum is right, so much longer is waited before it is read again: an event that counts twice comes late."""


def make_events(count: int) -> list[Event]:
    """Events over all keys, every value once, so that no loss makes up for a repetition."""
    return [(str(number % KEYS), number + 1) for number in range(count)]


def measure_events(server: Server, source: str, events: list[Event], note: Callable[[str], None]) -> Events:
    """Subscribes to a topic that holds the events, and waits until the objects' states say that all have come.

    Gives up after `SECONDS_MAX`; the sum then is what had been found.
    """
    expected = sum(value for _, value in events)
    before = cpu_ns_by_thread(server.process_ids)
    began = time.perf_counter()
    subscription = server.admin.subscribe(source, SINK)
    lag_seconds = _wait_for_lag(server, subscription, began)
    _wait_for_total(server, expected, began)
    seconds = time.perf_counter() - began
    used = cpu_since(before, cpu_ns_by_thread(server.process_ids))
    time.sleep(SETTLE_SECONDS)
    note(f"{len(events):,} events in {seconds:.1f} s")
    return Events(
        events=len(events),
        seconds=seconds,
        lag_seconds=lag_seconds,
        per_second=len(events) / seconds,
        sum_expected=expected,
        sum_found=server.admin.total("Tally", "total"),
        cpu_us={name: ns / 1000 / len(events) for name, ns in used.items()},
    )


def _wait_for_lag(server: Server, subscription: str, began: float) -> float | None:
    """Seconds until nothing was left to take; None at a server that does not tell."""
    if not server.tells_lag:
        return None
    while server.admin.lag(subscription) != 0 and time.perf_counter() - began < SECONDS_MAX:
        time.sleep(LAG_POLL_SECONDS)
    return time.perf_counter() - began


def _wait_for_total(server: Server, expected: int, began: float) -> None:
    while server.admin.total("Tally", "total") < expected and time.perf_counter() - began < SECONDS_MAX:
        time.sleep(TOTAL_POLL_SECONDS)
