"""One member of a consumer group: a thread that polls, and hands records to the loop in batches.

The thread decides nothing. What it reads ahead of the loop is bounded: normally it waits; where some partitions do
not move at all it pauses them, so that the others go on and the group does not lose its member.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from queue import Empty, SimpleQueue
from typing import Any, Final, Protocol, TypeAlias, TypeVar

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from odradek_connectors.sources import DRAIN_SECONDS
from odradek_engine.log.port import Record

POLL_SECONDS: Final = 0.1
BATCH_RECORDS_MAX: Final = 1_000
AHEAD_BYTES_MAX: Final = 8 * 1024 * 1024
"""What may wait on the loop's side before the thread stops polling."""
PATIENCE_SECONDS: Final = 1.0
"""After that long without room, what does not move is paused."""
RECORD_OVERHEAD_BYTES: Final = 500
REQUEST_SECONDS: Final = 10.0
CALL_SECONDS: Final = DRAIN_SECONDS + 5.0
"""How long the thread waits for the loop."""

_FINAL: Final = frozenset(
    (
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError._FATAL,
    )
)
"""Errors after which the member begins anew; librdkafka recovers from the others by itself."""

_OUT_OF_RANGE: Final = frozenset((KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE))

_T = TypeVar("_T")
_Request: TypeAlias = Callable[[Consumer], None]


class PartitionBatch(msgspec.Struct):
    """What one poll brought of a partition. `reached`: there is nothing more before this offset.

    `out_of_range`: reading stopped behind these records, because the broker has nothing at the next offset.
    """

    records: list[Record]
    reached: int = -1
    out_of_range: bool = False


class GroupOwner(Protocol):
    """Who a member works for. All of it is called on the loop's thread."""

    async def assigned(self, committed: Mapping[int, int]) -> Mapping[int, int]:
        """Partitions are this member's, with the group's committed offsets (below 0: none); where to begin."""

    async def revoked(self, partitions: Sequence[int]) -> Mapping[int, int]:
        """They are so no more. What to commit before another member begins."""

    def received(self, batches: Mapping[int, PartitionBatch]) -> None:
        """Records in order; each is to be reported to `GroupMember.fed`."""

    def disturbed(self, text: str) -> None:
        """The cluster cannot be reached or does not answer; it is being tried again."""

    def ended(self, error: str) -> None:
        """The member is no more; another one has to be made."""


class GroupMember:
    """A member of a consumer group that reads one topic. Its thread runs from the start until `stop`."""

    def __init__(self, config: Mapping[str, Any], topic: str, owner: GroupOwner) -> None:
        self._config: dict[str, Any] = {**config, "error_cb": self._on_error, "on_commit": self._on_commit}
        self._topic = topic
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._requests: SimpleQueue[_Request] = SimpleQueue()
        self._stopping = False
        self._room = threading.Event()
        self._ahead: dict[int, int] = {}
        """Bytes handed over, by partition; the thread's."""
        self._fed: dict[int, int] = {}
        """Bytes fed on, by partition; the loop's."""
        self._paused: set[int] = set()
        self._committed: dict[int, int] = {}
        """By partition, of those that are this member's; the thread's."""
        self._thread = threading.Thread(target=self._run, name=f"odradek-{topic}", daemon=True)

    def start(self) -> None:
        """Joins the group."""
        self._thread.start()

    def fed(self, partition: int, records: Sequence[Record]) -> None:
        """The owner has room for as much again."""
        self._fed[partition] = self._fed.get(partition, 0) + sum(map(_size, records))
        self._room.set()

    def commit(self, offsets: Mapping[int, int]) -> None:
        """Commits offsets to the group, sooner or later."""
        self._requests.put(lambda consumer: self._commit(consumer, offsets, wait=False))

    def seek(self, partition: int, offset: int) -> None:
        """Reads a partition from another offset on."""
        self._requests.put(lambda consumer: self._seek(consumer, partition, offset))

    async def stop(self, seconds: float) -> None:
        """Leaves the group: its partitions are revoked first. The thread is left behind after `seconds`."""
        self._stopping = True
        self._room.set()
        if self._thread.ident is not None:
            await asyncio.to_thread(self._thread.join, seconds)

    # --- on the member's thread ---

    def _run(self) -> None:
        try:
            consumer = Consumer(self._config)
            try:
                consumer.subscribe(
                    [self._topic], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
                )
                while not self._stopping:
                    self._poll(consumer)
            finally:
                consumer.close()
        except Exception as error:
            self._tell(self._owner.ended, _text(error))

    def _poll(self, consumer: Consumer) -> None:
        first = consumer.poll(POLL_SECONDS)
        if first is not None:
            batches = self._sort([first, *consumer.consume(BATCH_RECORDS_MAX - 1, 0)])
            for partition, batch in batches.items():
                self._ahead[partition] = self._ahead.get(partition, 0) + sum(map(_size, batch.records))
            if batches:
                self._tell(self._owner.received, batches)
            self._wait_for_room(consumer)
        self._do_requests(consumer)
        self._resume(consumer)

    def _sort(self, messages: Sequence[Message]) -> dict[int, PartitionBatch]:
        """The messages of one poll, by partition."""
        batches: dict[int, PartitionBatch] = {}
        for message in messages:
            partition = message.partition()
            error = message.error()
            if error is not None and error.code() in _FINAL:
                raise KafkaException(error)
            if partition is None or partition < 0:
                self._tell(self._owner.disturbed, str(error))
                continue
            batch = batches.get(partition)
            if batch is None:
                batch = batches[partition] = PartitionBatch([])
            if error is None:
                batch.records.append(_record(message))
            elif error.code() == KafkaError._PARTITION_EOF:
                batch.reached = message.offset() or 0
            elif error.code() in _OUT_OF_RANGE:
                batch.out_of_range = True
            else:
                self._tell(self._owner.disturbed, error.str())
        return batches

    def _wait_for_room(self, consumer: Consumer) -> None:
        ahead = self._moving_ahead()
        moved_at = time.monotonic()
        while ahead > AHEAD_BYTES_MAX and not self._stopping:
            self._room.clear()
            self._room.wait(POLL_SECONDS)
            self._do_requests(consumer)
            before, ahead = ahead, self._moving_ahead()
            if ahead < before:
                moved_at = time.monotonic()
            elif time.monotonic() - moved_at > PATIENCE_SECONDS:
                self._pause_stuck(consumer)
                return

    def _pause_stuck(self, consumer: Consumer) -> None:
        stuck = [partition for partition in self._ahead.keys() - self._paused if self._ahead_of(partition) > 0]
        consumer.pause([TopicPartition(self._topic, partition) for partition in stuck])
        self._paused.update(stuck)

    def _resume(self, consumer: Consumer) -> None:
        moving = [partition for partition in self._paused if self._ahead_of(partition) <= 0]
        if moving:
            consumer.resume([TopicPartition(self._topic, partition) for partition in moving])
            self._paused.difference_update(moving)

    def _ahead_of(self, partition: int) -> int:
        return self._ahead.get(partition, 0) - self._fed.get(partition, 0)

    def _moving_ahead(self) -> int:
        return sum(self._ahead_of(partition) for partition in self._ahead if partition not in self._paused)

    def _do_requests(self, consumer: Consumer) -> None:
        while True:
            try:
                request = self._requests.get_nowait()
            except Empty:
                return
            request(consumer)

    def _commit(self, consumer: Consumer, offsets: Mapping[int, int], wait: bool) -> None:
        known = self._committed
        new = {partition: offset for partition, offset in offsets.items() if offset > known.get(partition, offset)}
        if not new:
            return
        places = [TopicPartition(self._topic, partition, offset) for partition, offset in new.items()]
        try:
            if wait:
                consumer.commit(offsets=places, asynchronous=False)
            else:
                consumer.commit(offsets=places, asynchronous=True)
        except KafkaException as error:  # costs only that whoever reads next sends some records again
            self._tell(self._owner.disturbed, f"offsets were not committed: {_text(error)}")
        else:
            known.update(new)

    def _seek(self, consumer: Consumer, partition: int, offset: int) -> None:
        if partition in self._committed:
            consumer.seek(TopicPartition(self._topic, partition, offset))

    # --- librdkafka's callbacks, on the member's thread ---

    def _on_assign(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        if not places:
            return
        committed = {place.partition: place.offset for place in consumer.committed(places, REQUEST_SECONDS)}
        starts = self._call(self._owner.assigned(committed))
        self._committed.update(committed)
        consumer.incremental_assign([TopicPartition(self._topic, at, offset) for at, offset in starts.items()])

    def _on_revoke(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        offsets = self._call(self._revoke([place.partition for place in places]))
        self._commit(consumer, offsets, wait=True)
        self._forget(places)

    def _on_lost(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        del consumer
        self._call(self._revoke([place.partition for place in places]))
        self._forget(places)

    def _on_commit(self, error: KafkaError | None, places: list[TopicPartition]) -> None:
        if error is not None:
            for place in places:
                if place.partition in self._committed:
                    self._committed[place.partition] = -1
            self._tell(self._owner.disturbed, f"offsets were not committed: {error.str()}")

    def _on_error(self, error: KafkaError) -> None:
        self._tell(self._owner.disturbed, error.str())

    def _forget(self, places: list[TopicPartition]) -> None:
        for place in places:
            self._ahead.pop(place.partition, None)
            self._committed.pop(place.partition, None)
            self._paused.discard(place.partition)

    # --- to the loop ---

    async def _revoke(self, partitions: Sequence[int]) -> Mapping[int, int]:
        offsets = await self._owner.revoked(partitions)
        for partition in partitions:
            self._fed.pop(partition, None)
        return offsets

    def _call(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(CALL_SECONDS)

    def _tell(self, hear: Callable[[_T], None], what: _T) -> None:
        try:
            self._loop.call_soon_threadsafe(hear, what)
        except RuntimeError:  # the loop is closed: nobody is left to hear
            self._stopping = True


def _record(message: Message) -> Record:
    return Record(message.offset() or 0, max(message.timestamp()[1], 0), message.key(), message.value())


def _size(record: Record) -> int:
    return RECORD_OVERHEAD_BYTES + len(record.value or b"") + len(record.key or b"")


def _text(error: Exception) -> str:
    if isinstance(error, KafkaException):
        cause = error.args[0]
        return f"{cause.str()} ({cause.name()})"
    return str(error) or repr(error)
