"""One whole run: what is measured on which server, in which order."""

from __future__ import annotations

import contextlib
import os
import platform
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.broker import NoBroker, broker, delete_topics
from bench.load import generator
from bench.options import EMBEDDED, KAFKA, Options
from bench.results import Run
from bench.servers import DidNotStart
from bench.servers.endpoints import official_endpoint, own_endpoint
from bench.servers.peer_packages import NotInstallable, cache_directory
from bench.session import Session
from bench.workloads import EVENTS


@dataclass(frozen=True)
class Results:
    """All that was measured, and on what. `left_out` says what was not, and why."""

    started_at: str
    python: str
    platform: str
    cpus: int
    generator: str
    seconds: float
    runs: tuple[Run, ...]
    peers: tuple[Run, ...]
    left_out: tuple[str, ...]


def measure(options: Options) -> Results:
    """Measures all that the options ask for. What cannot be had on this machine is left out, and named."""
    started_at = datetime.now(UTC).isoformat(timespec="seconds")
    name, generate = generator()
    runs: list[Run] = []
    peers: list[Run] = []
    left_out: list[str] = []
    with _scratch_directory() as directory:
        session = Session(options, directory, generate)
        if EMBEDDED in options.logs:
            runs.append(session.own(None))
        with contextlib.ExitStack() as stack:
            brokers = None
            if KAFKA in options.logs or (options.peers and EVENTS in options.only):
                try:
                    brokers = stack.enter_context(_clean_broker(options.brokers, session.prefix))
                except NoBroker as error:
                    left_out.append(f"Kafka: {error}")
            if brokers and KAFKA in options.logs:
                runs.append(session.own(brokers))
            if (options.peers or options.remote) and not options.soak:
                try:
                    with official_endpoint(directory / "official") as endpoint:
                        if options.remote:
                            runs.append(session.served(endpoint))
                        if options.peers:
                            peers.append(session.peer(brokers, endpoint))
                except (NotInstallable, DidNotStart) as error:
                    left_out.append(f"the official SDK and the peer: {error}")
        if options.remote and not options.soak:
            try:
                with own_endpoint(directory / "own") as endpoint:
                    runs.append(session.served(endpoint))
            except DidNotStart as error:
                left_out.append(f"our SDK in a process of its own: {error}")
    return Results(
        started_at=started_at,
        python=platform.python_version(),
        platform=platform.platform(),
        cpus=os.cpu_count() or 1,
        generator=name,
        seconds=options.seconds,
        runs=tuple(runs),
        peers=tuple(peers),
        left_out=tuple(left_out),
    )


@contextlib.contextmanager
def _scratch_directory() -> Iterator[Path]:
    """A directory on the project's disk: what lies in a temporary one may never be written to a disk at all."""
    cache = cache_directory()
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="run-", dir=cache) as directory:
        yield Path(directory)


@contextlib.contextmanager
def _clean_broker(given: str | None, prefix: str) -> Iterator[str]:
    with broker(given) as brokers:
        try:
            yield brokers
        finally:
            delete_topics(brokers, prefix)
