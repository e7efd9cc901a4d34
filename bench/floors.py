"""What a durable write costs here without anything around it: one at a time, next to which calls are judged."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from rocksdict import Options, Rdict

from bench.broker import create_topic
from odradek_engine.log.kafka_settings import JOURNAL_DELIVERY_TIMEOUT_MS, KafkaSettings

RECORD = bytes(300)

Write = Callable[[], None]
"""Returns when one record is durable."""


@dataclass(frozen=True)
class Floor:
    """Latencies of single durable writes, in the order they were made."""

    what: str
    latencies_ms: tuple[float, ...] = ()

    @property
    def p50_ms(self) -> float:
        """The median."""
        return self._quantile(0.5)

    @property
    def p99_ms(self) -> float:
        """All but one in a hundred are faster."""
        return self._quantile(0.99)

    def measured(self, write: Write, seconds: float) -> Floor:
        """This floor with further writes, made one after another for so long."""
        latencies = list(self.latencies_ms)
        end = time.perf_counter() + seconds
        began = time.perf_counter()
        while began < end:
            write()
            now = time.perf_counter()
            latencies.append((now - began) * 1000)
            began = now
        return Floor(self.what, tuple(latencies))

    def _quantile(self, part: float) -> float:
        ordered = sorted(self.latencies_ms)
        return ordered[int(len(ordered) * part)]


@contextlib.contextmanager
def embedded_write(directory: Path) -> Iterator[tuple[Floor, Write]]:
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
        yield Floor("one RocksDB write + WAL sync, 300 B"), write
    finally:
        db.close()


@contextlib.contextmanager
def kafka_write(brokers: str, topic: str) -> Iterator[tuple[Floor, Write]]:
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

    yield Floor("one acks=all idempotent produce, 300 B"), write
