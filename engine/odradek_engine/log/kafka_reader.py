"""Reads one partition of Kafka by a consumer of its own, in a thread that hands records to the loop in batches.

What is read ahead is bounded; the thread waits when the loop does not keep up. No consumer group takes part.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from odradek_engine.log.kafka_errors import log_error
from odradek_engine.log.port import LogError, Record

POLL_SECONDS = 0.1
BATCH_RECORDS_MAX = 1_000
AHEAD_BYTES_MAX = 8 * 1024 * 1024
"""How much the thread reads ahead of the loop (a single record may be larger)."""

RECORD_OVERHEAD_BYTES = 200
"""What a record counts beyond its value and key."""

_FINAL = {
    KafkaError._AUTO_OFFSET_RESET,
    KafkaError.OFFSET_OUT_OF_RANGE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_TOPIC,
    KafkaError._UNKNOWN_PARTITION,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError._FATAL,
}
"""Errors after which this reader gets nothing more; librdkafka recovers from the others by itself."""


class KafkaReader:
    """Reads one partition onwards."""

    def __init__(self, config: dict[str, str | int | bool], topic: str, partition: int, offset: int) -> None:
        self._name = f"{topic}/{partition}"
        self._loop = asyncio.get_running_loop()
        self._start = TopicPartition(topic, partition, offset)
        self._reached = offset
        self._records: deque[Record] = deque()
        self._error: LogError | None = None
        self._waiting: asyncio.Future[None] | None = None
        self._closing = False
        self._taken_bytes = 0
        self._given_bytes = 0
        self._room = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(config,), name="odradek-reader", daemon=True)
        self._thread.start()

    @property
    def position(self) -> int:
        """See the port."""
        return self._records[0].offset if self._records else self._reached

    @property
    def ahead_bytes(self) -> int:
        """How much was read ahead of the loop, about."""
        return self._taken_bytes - self._given_bytes

    @property
    def running(self) -> bool:
        """Whether its thread still runs."""
        return self._thread.is_alive()

    async def read(self, max_records: int, wait_ms: int) -> Sequence[Record]:
        """See the port."""
        if not self._records and self._error is None and wait_ms > 0:
            await self._wait(wait_ms / 1000)
        if not self._records and self._error is not None:
            raise self._error
        taken = [self._records.popleft() for _ in range(min(max_records, len(self._records)))]
        self._given_bytes += sum(map(_size, taken))
        self._room.set()
        return taken

    async def close(self) -> None:
        """See the port; the thread ends a little later."""
        self._closing = True
        self._room.set()

    def join(self) -> None:
        """Waits for the thread to end; blocks."""
        self._thread.join()

    async def _wait(self, seconds: float) -> None:
        self._waiting = self._loop.create_future()
        timer = self._loop.call_later(seconds, self._wake)
        try:
            await self._waiting
        finally:
            timer.cancel()
            self._waiting = None

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def _take(self, records: list[Record], reached: int, error: LogError | None) -> None:
        self._records.extend(records)
        self._reached = max(self._reached, reached)
        self._error = self._error or error
        if self._records or self._error is not None:
            self._wake()

    # On the reading thread

    def _run(self, config: dict[str, str | int | bool]) -> None:
        try:
            consumer = Consumer(config)
            try:
                consumer.assign([self._start])
                self._consume(consumer)
            finally:
                consumer.close()
        except KafkaException as error:
            self._hand_over([], -1, log_error(f"{self._name} cannot be read", error))
        except Exception as error:  # whatever it is, whoever reads must hear that nothing more will come
            self._hand_over([], -1, LogError(f"{self._name} cannot be read: {error!r}"))

    def _consume(self, consumer: Consumer) -> None:
        while not self._closing:
            first = consumer.poll(POLL_SECONDS)
            if first is None:
                continue
            records, reached, error = self._sort([first, *consumer.consume(BATCH_RECORDS_MAX - 1, 0)])
            self._taken_bytes += sum(map(_size, records))
            self._hand_over(records, reached, error)
            if error is not None:
                return
            self._wait_for_room()

    def _sort(self, messages: list[Message]) -> tuple[list[Record], int, LogError | None]:
        """The records among some messages, the offset up to which all is read, and what ends this reader."""
        records: list[Record] = []
        reached = -1
        for message in messages:
            error = message.error()
            if error is None:
                records.append(_record(message))
                reached = records[-1].offset + 1
            elif error.code() == KafkaError._PARTITION_EOF:
                reached = message.offset() or -1
            elif error.code() in _FINAL:
                text = f"{self._name} cannot be read from offset {max(reached, self._reached)} on"
                return records, reached, log_error(text, error)
        return records, reached, None

    def _hand_over(self, records: list[Record], reached: int, error: LogError | None) -> None:
        try:
            self._loop.call_soon_threadsafe(self._take, records, reached, error)
        except RuntimeError:  # the loop is closed: nobody is left to read
            self._closing = True

    def _wait_for_room(self) -> None:
        while not self._closing:
            self._room.clear()
            if self.ahead_bytes <= AHEAD_BYTES_MAX:
                return
            self._room.wait(POLL_SECONDS)


def _record(message: Message) -> Record:
    given: Any = message.headers()  # a list of pairs as read, whatever else its type allows for sending
    headers = tuple((name, value or b"") for name, value in given) if given else ()
    offset = message.offset()
    assert offset is not None
    return Record(offset, max(message.timestamp()[1], 0), message.key(), message.value(), headers)


def _size(record: Record) -> int:
    return len(record.value or b"") + len(record.key or b"") + RECORD_OVERHEAD_BYTES
