"""The options of `python -m bench`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bench import soak
from bench.workloads import NAMES, chosen

EMBEDDED = "embedded"
KAFKA = "kafka"
LOGS = (EMBEDDED, KAFKA)
CLIENTS = (1, 32, 128)
SECONDS = 5.0
WARM_UP_CELLS = 6
"""The warm-up of a server, in seconds of a cell: a broker that was just started takes long to reach its speed."""
EVENTS = 100_000

T = TypeVar("T")


@dataclass(frozen=True)
class Options:
    """What to measure. `soak` calls take the place of the cells and events."""

    brokers: str | None
    logs: tuple[str, ...]
    peers: bool
    remote: bool
    only: tuple[str, ...]
    clients: tuple[int, ...]
    seconds: float
    warm_up_seconds: float
    events: int
    soak: int | None
    out: Path | None


def read_options(arguments: Sequence[str] | None = None) -> Options:
    """The options of the command line; exits where they are wrong."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measures a node next to the machine's floor.")
    parser.add_argument("--brokers", metavar="HOST:PORT", help="Kafka to measure on; without it, one from jars")
    parser.add_argument("--logs", type=_names(LOGS), default=LOGS, help="embedded, kafka or both, with a comma")
    parser.add_argument("--peers", action="store_true", help="measure the real Restate server too, with ratios")
    parser.add_argument("--remote", action="store_true", help="with handlers in a process of their own, too")
    parser.add_argument("--only", type=_names(NAMES), default=NAMES, metavar="NAME,...", help=f"of {', '.join(NAMES)}")
    parser.add_argument("--clients", type=_list_of(int), default=CLIENTS, metavar="N,...", help="clients at once")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for each cell")
    parser.add_argument("--warm-up", type=float, metavar="SECONDS", help="of each server; without it, 6 cells' time")
    parser.add_argument("--events", type=int, default=EVENTS, metavar="N", help="events of the subscription")
    parser.add_argument("--soak", type=int, nargs="?", const=soak.CALLS, metavar="CALLS", help="only the long run")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where the JSON goes; without it, bench/results/")
    read = parser.parse_args(arguments)
    warm_up = WARM_UP_CELLS * read.seconds if read.warm_up is None else read.warm_up
    if min(read.seconds, *read.clients) <= 0 or read.events < 1 or (read.soak is not None and read.soak < soak.SAMPLES):
        parser.error("seconds, clients, events and calls must be above 0, the calls of the long run at least ten")
    if read.soak is not None and not chosen(read.only):
        parser.error("the long run needs a workload of calls")
    return Options(
        brokers=read.brokers,
        logs=read.logs,
        peers=read.peers,
        remote=read.remote,
        only=read.only,
        clients=tuple(sorted(read.clients)),
        seconds=read.seconds,
        warm_up_seconds=warm_up,
        events=read.events,
        soak=read.soak,
        out=read.out,
    )


def _list_of(read: Callable[[str], T]) -> Callable[[str], tuple[T, ...]]:
    def split(text: str) -> tuple[T, ...]:
        return tuple(read(part.strip()) for part in text.split(","))

    split.__name__ = f"list of {read.__name__}"
    return split


def _names(known: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    def name(text: str) -> str:
        if text not in known:
            raise argparse.ArgumentTypeError(f"'{text}' is none of {', '.join(known)}")
        return text

    return _list_of(name)
