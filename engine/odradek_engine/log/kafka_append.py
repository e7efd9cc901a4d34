"""One append of some records to a Kafka partition, awaited by whoever asked for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from odradek_engine.log.checks import size_of
from odradek_engine.log.kafka_producer import PolledProducer
from odradek_engine.log.port import LogError, NewRecord, RecordTooLarge


class KafkaAppend:
    """Records under way; done when each of them is acknowledged or in doubt."""

    def __init__(self, producer: PolledProducer, topic: str, partition: int) -> None:
        self._producer = producer
        self._topic = topic
        self._partition = partition
        self._offsets: list[int] = []
        self._under_way = 0
        self._error: LogError | None = None
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def send(self, records: Sequence[NewRecord]) -> Sequence[int]:
        """Sends at least one record; the offsets once all are durable. On an error all of them are unknown."""
        for record in records:
            size_of(record)
        report = self._producer.reporter(self)
        for record in records:
            try:
                self._producer.produce(
                    self._topic, self._partition, record.value, report, record.key, record.headers, record.timestamp_ms
                )
            except LogError as error:
                self._error = error
                break
            self._under_way += 1
        if self._under_way:
            await self._done
        if isinstance(self._error, RecordTooLarge) and len(records) > 1:
            raise LogError(f"{self._error}; the others of its append may be there")
        if self._error is not None:
            raise self._error
        return self._offsets

    def delivered(self, offset: int, error: LogError | None) -> None:
        """The oldest record under way ended."""
        self._under_way -= 1
        if error is None:
            self._offsets.append(offset)
        else:
            self._error = self._error or error
        if self._under_way == 0 and not self._done.done():
            self._done.set_result(None)
