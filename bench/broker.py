"""The Kafka that is measured on: the one named, or one of our own where Java is at hand; and no trace left on it."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]  # they come from private modules

from bench.admin import Event
from odradek_engine.log.kafka_topics import replication_for

BROKER = Path(__file__).resolve().parents[1] / "tests" / "kafka_broker.py"
REQUEST_SECONDS_MAX = 10.0
STOP_SECONDS_MAX = 30.0
FLUSH_SECONDS_MAX = 60.0
EVENT_PARTITIONS = 8


class NoBroker(Exception):
    """There is no Kafka to measure on; the text says why."""


@contextlib.contextmanager
def broker(given: str | None) -> Iterator[str]:
    """The brokers' `host:port,...`. Raises `NoBroker`."""
    if given:
        yield given
        return
    if shutil.which("java") is None:
        raise NoBroker("java is not installed and no --brokers were given")
    command = [sys.executable, str(BROKER), "--until-stdin-closes"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            address = process.stdout.readline().strip()
            if not address:
                raise NoBroker("the broker did not start; what it said is above")
            yield address
        finally:
            process.stdin.close()
            try:
                process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                process.kill()


def create_topic(brokers: str, topic: str, partitions: int) -> None:
    """Creates a topic, replicated as the engine would. Raises `KafkaException`."""
    admin = _admin(brokers)
    replication, _ = replication_for(len(admin.list_topics(timeout=REQUEST_SECONDS_MAX).brokers), None)
    admin.create_topics([NewTopic(topic, partitions, replication)])[topic].result()


def produce(brokers: str, topic: str, events: Sequence[Event]) -> None:
    """Creates a topic with these events, JSON values. Raises `KafkaException`."""
    create_topic(brokers, topic, EVENT_PARTITIONS)
    failed: list[KafkaError] = []

    def report(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            failed.append(error)

    producer = Producer({"bootstrap.servers": brokers, "partitioner": "murmur2_random", "log_level": 0})
    for key, value in events:
        producer.produce(topic, json.dumps(value), key, on_delivery=report)
        producer.poll(0)
    if producer.flush(FLUSH_SECONDS_MAX):
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
    if failed:
        raise KafkaException(failed[0])


def delete_topics(brokers: str, prefix: str) -> None:
    """Deletes the topics whose names begin so."""
    admin = _admin(brokers)
    ours = [name for name in admin.list_topics(timeout=REQUEST_SECONDS_MAX).topics if name.startswith(prefix)]
    if ours:
        for deleted in admin.delete_topics(ours).values():
            deleted.result()


def _admin(brokers: str) -> AdminClient:
    return AdminClient({"bootstrap.servers": brokers, "log_level": 0})
