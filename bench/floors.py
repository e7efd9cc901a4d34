"""What a durable write costs here without anything around it: one at a time, next to which calls are judged."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from rocksdict import Options, Rdict

from bench.broker import create_topic
from bench.results import FloorResult
from odradek_engine.log.kafka_settings import JOURNAL_DELIVERY_TIMEOUT_MS, KafkaSettings

RECORD = bytes(300)

Write = Callable[[], None]
"""Returns when one record is durable."""


class Floor:
    """Single durable writes, made one after another; what is measured at several times is taken together."""

    def __init__(self, what: str, write: Write) -> None:
        self._what = what
        self._write = write
        self._latencies_ms: list[float] = []

    def measure(self, seconds: float) -> None:
        """Writes for so long."""
        self._latencies_ms += self._timed(seconds)

    def warm_up(self, seconds: float) -> None:
        """Writes for so long, and forgets how long it took."""
        self._timed(seconds)

    def result(self) -> FloorResult:
        """What was measured so far, at least one write."""
        ordered = sorted(self._latencies_ms)
        count = len(ordered)
        return FloorResult(self._what, count, p50_ms=ordered[count // 2], p99_ms=ordered[count * 99 // 100])

    def _timed(self, seconds: float) -> list[float]:
        latencies_ms = []
        began = time.perf_counter()
        end = began + seconds
        while began < end:
            self._write()
            now = time.perf_counter()
            latencies_ms.append((now - began) * 1000)
            began = now
        return latencies_ms


@contextlib.contextmanager
def embedded_floor(directory: Path) -> Iterator[Floor]:
    """One RocksDB write and a sync of its write-ahead log, as the embedded log does it, without a thread between."""
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    db = Rdict(str(directory / "floor"), options)
    written = 0

    def write() -> None:
        nonlocal written
        db[written.to_bytes(8, "big")] = RECORD
        db.flush_wal(True)
        written += 1

    try:
        yield Floor("one RocksDB write + WAL sync, 300 B", write)
    finally:
        db.close()


@contextlib.contextmanager
def kafka_floor(brokers: str, topic: str) -> Iterator[Floor]:
    """One idempotent `acks=all` produce with the journal's own settings, in the leanest loop there is."""
    settings = KafkaSettings(brokers)
    create_topic(brokers, topic, partitions=1)
    producer = Producer(settings.producer(JOURNAL_DELIVERY_TIMEOUT_MS))
    delivered: list[KafkaError | None] = []

    def report(error: KafkaError | None, _: Message) -> None:
        delivered.append(error)

    def write() -> None:
        producer.produce(topic, RECORD, partition=0, on_delivery=report)
        while not delivered:
            producer.poll(1.0)
        error = delivered.pop()
        if error is not None:
            raise KafkaException(error)

    yield Floor("one acks=all idempotent produce, 300 B", write)
