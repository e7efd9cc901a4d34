"""An idempotent producer whose delivery reports reach the loop in batches.

Owns a librdkafka producer and the thread that polls it. Each drained batch of reports is handed to the loop by one
call. Invariant: reports of one partition reach their targets in the order of its records.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from odradek_engine.log.kafka_errors import log_error
from odradek_engine.log.port import LogError, LogUnavailable

POLL_SECONDS = 0.1

OnDelivery = Callable[[KafkaError | None, Message], None]


class DeliveryTarget(Protocol):
    """Who is told how a record ended."""

    def delivered(self, offset: int, error: LogError | None) -> None:
        """The oldest record under way is durable at `offset`, or its fate is unknown; on the loop's thread."""


class PolledProducer:
    """A producer and the thread that polls it. Methods are for the loop's thread unless they say otherwise."""

    def __init__(self, config: dict[str, str | int | bool], loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._drained: list[tuple[DeliveryTarget, int, LogError | None]] = []
        self._closing = False
        self._producer: Producer | None = Producer(config)
        self._thread = threading.Thread(target=self._poll, args=(self._producer,), name="odradek-producer", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether its thread still runs."""
        return self._thread.is_alive()

    def reporter(self, target: DeliveryTarget) -> OnDelivery:
        """What to give to `produce` so that `target` is told; make it once and use it for many records."""

        def report(error: KafkaError | None, message: Message) -> None:
            """On the polling thread."""
            offset = message.offset()
            if error is None and offset is not None and offset >= 0:
                self._drained.append((target, offset, None))
            elif error is None:
                unknown = f"{message.topic()}/{message.partition()}: acknowledged without an offset"
                self._drained.append((target, -1, LogError(unknown)))
            else:
                name = f"{message.topic()}/{message.partition()}: a record's fate is unknown"
                self._drained.append((target, -1, log_error(name, error)))

        return report

    def produce(
        self,
        topic: str,
        partition: int,
        value: bytes | None,
        report: OnDelivery,
        key: bytes | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
        timestamp_ms: int | None = None,
    ) -> None:
        """Sends a record. Raises `RecordTooLarge` or another `LogError`; then it was not sent and nobody is told."""
        producer = self._producer
        if producer is None:
            raise LogUnavailable("the producer is closed")
        try:
            if key is None and not headers and timestamp_ms is None:
                producer.produce(topic, value, None, partition, report)
            else:
                stamp = 0 if timestamp_ms is None else timestamp_ms
                producer.produce(topic, value, key, partition, report, timestamp=stamp, headers=list(headers))
        except KafkaException as error:
            raise log_error(f"{topic}/{partition}: a record was not sent", error) from error
        except BufferError as error:
            text = f"{topic}/{partition}: a record was not sent, the producer's queue is full"
            raise LogUnavailable(text) from error

    def close(self) -> None:
        """Drops what is still under way: targets are told that its fate is unknown. Returns at once."""
        self._closing = True
        self._producer = None

    def join(self) -> None:
        """Waits for the thread to end; blocks."""
        self._thread.join()

    def _poll(self, producer: Producer) -> None:
        while not self._closing:
            producer.poll(POLL_SECONDS)
            self._hand_over()
        producer.purge()
        producer.flush(POLL_SECONDS)
        self._hand_over()

    def _hand_over(self) -> None:
        if not self._drained:
            return
        drained, self._drained = self._drained, []
        try:
            self._loop.call_soon_threadsafe(self._tell, drained)
        except RuntimeError:  # the loop is closed: nobody is left to be told
            return

    def _tell(self, drained: list[tuple[DeliveryTarget, int, LogError | None]]) -> None:
        for target, offset, error in drained:
            try:
                target.delivered(offset, error)
            except Exception as raised:  # the others must hear of their records whatever one listener does
                context = {"message": "a listener of the log raised", "exception": raised}
                self._loop.call_exception_handler(context)
