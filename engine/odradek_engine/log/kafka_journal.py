"""Journal writers on Kafka: they share one producer until one of them fails.

After a failure new writers get a fresh producer, and the others move to it as soon as nothing of theirs is under way
on the old one, which is then purged. So a partition's records never go through two producers at once, except for
what a failed writer left behind, and that counts as unknown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from odradek_engine.log.kafka_producer import OnDelivery, PolledProducer
from odradek_engine.log.port import JournalListener, LogError, LogUnavailable, RecordTooLarge


class JournalProducers:
    """The producer that new records go through, and older ones that still have records under way."""

    def __init__(self, make: Callable[[], PolledProducer]) -> None:
        self._make = make
        self._current: PolledProducer | None = None
        self._busy: dict[PolledProducer, set[KafkaJournalWriter]] = {}
        self._closing: list[PolledProducer] = []
        self._closed = False

    def current(self) -> PolledProducer:
        """The producer to use now. Raises `LogUnavailable` once closed."""
        if self._closed:
            raise LogUnavailable("the log is closed")
        if self._current is None:
            self._current = self._make()
            self._busy[self._current] = set()
        return self._current

    def busy(self, producer: PolledProducer, writer: KafkaJournalWriter) -> None:
        """A writer has records under way on a producer."""
        self._busy[producer].add(writer)

    def idle(self, producer: PolledProducer, writer: KafkaJournalWriter) -> None:
        """A writer has none any more; the last one to leave an old producer closes it."""
        writers = self._busy.get(producer)
        if writers is None:
            return
        writers.discard(writer)
        if not writers and producer is not self._current:
            del self._busy[producer]
            self._close(producer)

    def retire(self, producer: PolledProducer) -> None:
        """Nothing new goes through this producer."""
        if producer is self._current:
            self._current = None

    async def close(self) -> None:
        """Drops everything that is under way."""
        self._closed = True
        for producer in self._busy:
            self._close(producer)
        self._busy.clear()
        self._current = None
        for producer in self._closing:
            await asyncio.to_thread(producer.join)
        self._closing.clear()

    def _close(self, producer: PolledProducer) -> None:
        self._closing = [closing for closing in self._closing if closing.running]
        self._closing.append(producer)
        producer.close()


class KafkaJournalWriter:
    """Appends to one journal partition."""

    def __init__(self, producers: JournalProducers, topic: str, partition: int, listener: JournalListener) -> None:
        self._producers = producers
        self._topic = topic
        self._partition = partition
        self._listener: JournalListener | None = listener
        self._under_way = 0
        self.producer = producers.current()
        self._report: OnDelivery = self.producer.reporter(self)

    def append(self, value: bytes) -> None:
        """See the port; after a failure nothing is taken, and nobody is told again."""
        if self._listener is None:
            return
        try:
            if self._under_way == 0:
                self._begin_round()
            self.producer.produce(self._topic, self._partition, value, self._report)
        except RecordTooLarge:
            self._end_round_if_done()
            raise
        except LogError as error:
            asyncio.get_running_loop().call_soon(self._fail, error)
            return
        self._under_way += 1

    def close(self) -> None:
        """See the port."""
        self._listener = None
        self._end_round_if_done()

    def delivered(self, offset: int, error: LogError | None) -> None:
        """The oldest record under way ended."""
        self._under_way -= 1
        self._end_round_if_done()
        if self._listener is None:
            return
        if error is None:
            self._listener.acknowledged(offset)
        else:
            self._fail(error)

    def _begin_round(self) -> None:
        producer = self._producers.current()
        if producer is not self.producer:
            self.producer = producer
            self._report = producer.reporter(self)
        self._producers.busy(producer, self)

    def _end_round_if_done(self) -> None:
        if self._under_way == 0:
            self._producers.idle(self.producer, self)

    def _fail(self, error: LogError) -> None:
        listener, self._listener = self._listener, None
        if listener is None:
            return
        self._producers.retire(self.producer)
        self._producers.idle(self.producer, self)
        listener.failed(error)
