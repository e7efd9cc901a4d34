"""Measures one server after the other, with nothing else of ours running beside it."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from confluent_kafka import KafkaException

from bench.admin import AdminFailed, Event
from bench.broker import produce
from bench.cells import CellPlan, measure_cells
from bench.events import make_events, measure_events
from bench.floors import Floor, embedded_floor, kafka_floor
from bench.load import Generator, LoadFailed
from bench.options import EMBEDDED, KAFKA, Options
from bench.results import Run
from bench.servers import DidNotStart, Server
from bench.servers.endpoints import Endpoint
from bench.servers.odradek import odradek
from bench.servers.restate import KAFKA_CLUSTER, restate
from bench.soak import SoakPlan, measure_soak
from bench.workloads import EVENTS, chosen

PEER_EVENTS_MAX = 20_000
"""At the peer's rate all of them would take minutes; the rate is what is compared."""

FAILURES = (AdminFailed, DidNotStart, KafkaException, LoadFailed)
"""They end the measurements of a server; what was measured before stays."""


class Session:
    """What all runs share: options, load generator, a directory, and a prefix for names on the Kafka."""

    def __init__(self, options: Options, directory: Path, generate: Generator) -> None:
        self.prefix = f"bench-{secrets.token_hex(4)}"
        self._options = options
        self._directory = directory
        self._generate = generate

    def own(self, brokers: str | None) -> Run:
        """Measures a node of ours; on the embedded log where there are no brokers."""
        run = Run("odradek", KAFKA if brokers else EMBEDDED)
        directory = self._directory / run.log
        try:
            with odradek(directory, brokers, self.prefix, application=True) as server:
                if self._options.soak:
                    return self._soak(server, run)
                with kafka_floor(brokers, f"{self.prefix}.floor") if brokers else embedded_floor(directory) as floor:
                    run = self._cells(server, run, floor)
                if EVENTS in self._options.only:
                    topic = f"{self.prefix}.events"
                    events = make_events(self._options.events)
                    server.admin.create_topic(topic)
                    server.admin.produce(topic, events)
                    run = self._events(server, run, f"kafka://local/{topic}", events)
        except FAILURES as error:
            return replace(run, failure=str(error))
        return run

    def served(self, endpoint: Endpoint) -> Run:
        """Measures a node of ours on the embedded log, with handlers in a process of their own."""
        run = Run("odradek", EMBEDDED, handlers=endpoint.software)
        try:
            with odradek(self._directory / f"with {endpoint.software}", None, self.prefix, application=False) as server:
                return self._cells(_registered(server, endpoint), run, None)
        except FAILURES as error:
            return replace(run, failure=str(error))

    def peer(self, brokers: str | None, endpoint: Endpoint) -> Run:
        """Measures the peer. Its events come from a Kafka; without one they are left out. Raises `NotInstallable`."""
        run = Run("restate", "", handlers=endpoint.software)
        try:
            with restate(self._directory / run.server, brokers) as bare:
                server = _registered(bare, endpoint)
                run = self._cells(server, run, None)
                if EVENTS in self._options.only and brokers:
                    topic = f"{self.prefix}.peer-events"
                    events = make_events(min(self._options.events, PEER_EVENTS_MAX))
                    produce(brokers, topic, events)
                    run = self._events(server, run, f"kafka://{KAFKA_CLUSTER}/{topic}", events)
        except FAILURES as error:
            return replace(run, failure=str(error))
        return run

    def _cells(self, server: Server, run: Run, floor: Floor | None) -> Run:
        options = self._options
        workloads = chosen(options.only)
        if not workloads:
            return run
        times = (options.seconds, options.warm_up_seconds)
        plan = CellPlan(workloads, options.clients, *times, self._generate, noting(run))
        cells = measure_cells(server, plan, floor)
        return replace(run, cells=cells, floor=floor.result() if floor else None)

    def _events(self, server: Server, run: Run, source: str, events: list[Event]) -> Run:
        return replace(run, events=measure_events(server, source, events, noting(run)))

    def _soak(self, server: Server, run: Run) -> Run:
        assert self._options.soak is not None
        plan = SoakPlan(self._options.soak, chosen(self._options.only), self._generate, noting(run))
        return replace(run, soak=measure_soak(server, plan))


def _registered(server: Server, endpoint: Endpoint) -> Server:
    """The server with its handlers; the process that serves them counts as a part of it."""
    server.admin.register(endpoint.url)
    return replace(server, process_ids=(*server.process_ids, endpoint.process_id))


def noting(run: Run) -> Callable[[str], None]:
    """Tells people how far a run has come, on standard error."""

    def note(text: str) -> None:
        print(f"{run.title}: {text}", file=sys.stderr, flush=True)

    return note
