"""The embedded log beyond the common contract: shared syncs, bounds, deleted keys, a lasting store."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
from rocksdict import Rdict, WriteBatch

from odradek_engine.log import embedded_partition, group_commit
from odradek_engine.log.embedded import EmbeddedLog, open_embedded_log
from odradek_engine.log.embedded_rows import FORMAT, FORMAT_KEY, TopicRow
from odradek_engine.log.embedded_store import EmbeddedStore
from odradek_engine.log.group_commit import Group, GroupCommit
from odradek_engine.log.port import Cleanup, LogError, NewRecord, TopicMisconfigured, TopicSpec

TOPIC = "topic"


class HeldSyncs:
    """A store whose syncs wait until the test lets them go on."""

    def __init__(self, store: EmbeddedStore) -> None:
        self.begun = threading.Semaphore(0)
        self.let_go = threading.Semaphore(0)
        self.count = 0
        self._store = store

    def open(self) -> Rdict:
        held: Any = _HeldDatabase(self._store.open(), self)
        database: Rdict = held
        return database

    def discard(self) -> None:
        self._store.discard()

    async def one_more(self) -> None:
        """Returns when a sync has begun."""
        assert await asyncio.to_thread(self.begun.acquire, timeout=30)


class _HeldDatabase:
    def __init__(self, db: Rdict, held: HeldSyncs) -> None:
        self._db = db
        self._held = held

    def write(self, batch: WriteBatch) -> None:
        self._db.write(batch)

    def flush_wal(self, sync: bool) -> None:
        self._held.count += 1
        self._held.begun.release()
        assert self._held.let_go.acquire(timeout=30)
        self._db.flush_wal(sync)


class Put:
    """A commit of one row, that notes its end."""

    def __init__(self, key: bytes, ends: list[tuple[bytes, str]], size: int = 1) -> None:
        self.size = size
        self._key = key
        self._ends = ends
        self.ended = asyncio.Event()

    def fill(self, group: Group) -> None:
        group.batch.put(b"z" + self._key, b"v")

    def finished(self, error: LogError | None) -> None:
        self._ends.append((self._key, "durable" if error is None else str(error)))
        self.ended.set()


async def values(log: EmbeddedLog, topic: str = TOPIC) -> list[bytes | None]:
    reader = await log.reader(topic, 0, await log.begin_offset(topic, 0))
    found: list[bytes | None] = []
    while records := await reader.read(1000, 0):
        found.extend(record.value for record in records)
    return found


def test_only_durable_records_are_read_and_what_came_during_a_sync_shares_the_next(tmp_path: Path) -> None:
    async def main() -> None:
        store = EmbeddedStore(tmp_path)
        store.open()
        store.add_topic(TopicRow(TOPIC, "id", 1, 1, Cleanup.ORDINARY, False))
        held = HeldSyncs(store)
        log = EmbeddedLog(store, GroupCommit(held, asyncio.get_running_loop()))
        reader = await log.reader(TOPIC, 0, 0)
        first = asyncio.create_task(log.append(TOPIC, 0, [NewRecord(b"first")]))
        await held.one_more()
        others = [asyncio.create_task(log.append(TOPIC, 0, [NewRecord(b"%d" % i)])) for i in range(100)]
        await asyncio.sleep(0)
        assert list(await reader.read(10, 0)) == []
        assert await log.end_offset(TOPIC, 0) == 0
        held.let_go.release()
        assert await first == [0]
        assert [record.value for record in await reader.read(10, 0)] == [b"first"]
        await held.one_more()
        assert not any(task.done() for task in others)
        held.let_go.release()
        assert await asyncio.gather(*others) == [[i + 1] for i in range(100)]
        assert held.count == 2
        await log.close()

    asyncio.run(main())


def test_commits_end_in_their_order_and_an_ordinary_error_of_one_listener_stops_no_other(tmp_path: Path) -> None:
    class Raising(Put):
        def finished(self, error: LogError | None) -> None:
            super().finished(error)
            raise ValueError("a listener's own fault")

    async def main() -> None:
        complaints: list[object] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: complaints.append(context["exception"]))
        store = EmbeddedStore(tmp_path)
        store.open()
        commits = GroupCommit(store, loop)
        ends: list[tuple[bytes, str]] = []
        puts = [(Raising if i == 3 else Put)(b"%d" % i, ends) for i in range(100)]
        for put in puts:
            commits.submit(put)
        await puts[-1].ended.wait()
        await commits.close()
        assert ends == [(b"%d" % i, "durable") for i in range(100)]
        assert len(complaints) == 1
        store.discard()

    asyncio.run(main())


def test_what_waits_to_be_written_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "QUEUED_BYTES_MAX", 100)

    async def main() -> None:
        store = EmbeddedStore(tmp_path)
        store.open()
        commits = GroupCommit(store, asyncio.get_running_loop())
        ends: list[tuple[bytes, str]] = []
        at_limit, beyond = Put(b"a", ends, 100), Put(b"b", ends, 1)
        commits.submit(at_limit)
        commits.submit(beyond)
        await at_limit.ended.wait()
        await beyond.ended.wait()
        assert dict(ends)[b"a"] == "durable"
        assert "wait to be written" in dict(ends)[b"b"]
        again = Put(b"c", ends, 100)
        commits.submit(again)
        await again.ended.wait()
        assert dict(ends)[b"c"] == "durable"
        await commits.close()
        store.discard()

    asyncio.run(main())


def test_after_the_bound_was_hit_a_fresh_journal_writer_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "QUEUED_BYTES_MAX", 1000)

    class Listener:
        def __init__(self) -> None:
            self.told: list[object] = []
            self.changed = asyncio.Event()

        def acknowledged(self, offset: int) -> None:
            self.told.append(offset)
            self.changed.set()

        def failed(self, error: LogError) -> None:
            self.told.append(error)
            self.changed.set()

    async def main() -> None:
        log = await open_embedded_log(tmp_path)
        await log.ensure_topics([TopicSpec(TOPIC, 1, Cleanup.NEVER_BY_TIME)])
        first, second = Listener(), Listener()
        writer = log.journal_writer(TOPIC, 0, first)
        for _ in range(5):
            writer.append(b"x" * 400)
        while not any(isinstance(told, LogError) for told in first.told):
            first.changed.clear()
            await first.changed.wait()
        heard = list(first.told)
        log.journal_writer(TOPIC, 0, second).append(b"fresh")
        while not second.told:
            second.changed.clear()
            await second.changed.wait()
        assert first.told == heard
        (offset,) = second.told
        assert isinstance(offset, int)
        assert (await values(log))[offset] == b"fresh"
        await log.close()

    asyncio.run(main())


def test_many_trims_are_flushed_and_reading_stays_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "TRIMS_MAX", 10)

    async def main() -> None:
        log = await open_embedded_log(tmp_path)
        await log.ensure_topics([TopicSpec(TOPIC, 1, Cleanup.NEVER_BY_TIME)])
        for i in range(25):
            await log.append(TOPIC, 0, [NewRecord(b"%d.%d" % (i, j)) for j in range(3)])
            await log.delete_before(TOPIC, 0, 3 * i + 2)
            assert await values(log) == [b"%d.2" % i]
        await log.close()

    asyncio.run(main())
    assert len(list(tmp_path.glob("*.sst"))) > 1, "closing alone makes one file"


def test_deleted_keys_go_when_the_log_is_opened_a_day_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compacted = TopicSpec(TOPIC, 1, Cleanup.COMPACTED)

    async def write() -> None:
        log = await open_embedded_log(tmp_path)
        await log.ensure_topics([compacted])
        await log.append(TOPIC, 0, [NewRecord(b"v", b"kept"), NewRecord(b"v", b"gone"), NewRecord(b"v", b"last")])
        await log.append(TOPIC, 0, [NewRecord(None, b"gone"), NewRecord(None, b"last")])
        await log.close()

    async def keys() -> list[bytes | None]:
        log = await open_embedded_log(tmp_path)
        reader = await log.reader(TOPIC, 0, 0)
        found = [record.key for record in await reader.read(100, 0)]
        assert await log.end_offset(TOPIC, 0) == 5
        await log.close()
        return found

    asyncio.run(write())
    assert asyncio.run(keys()) == [b"kept", b"gone", b"last"]
    monkeypatch.setattr(embedded_partition, "TOMBSTONE_RETENTION_MS", -10_000)
    assert asyncio.run(keys()) == [b"kept", b"last"]


def test_a_compacted_topic_holds_no_more_than_its_keys(tmp_path: Path) -> None:
    async def main() -> None:
        log = await open_embedded_log(tmp_path)
        await log.ensure_topics([TopicSpec(TOPIC, 1, Cleanup.COMPACTED)])
        for i in range(10):
            await log.append(TOPIC, 0, [NewRecord(b"%d" % i, b"k%d" % (j % 4)) for j in range(10)])
        assert await values(log) == [b"9"] * 4
        with pytest.raises(LogError, match="without a key"):
            await log.append(TOPIC, 0, [NewRecord(b"v")])
        with pytest.raises(LogError, match="compacted"):
            await log.delete_before(TOPIC, 0, 2)
        await log.close()

    asyncio.run(main())


def test_a_store_of_a_newer_format_is_refused(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path)
    store.open()[FORMAT_KEY] = b"%d" % (FORMAT + 1)
    store.discard()
    with pytest.raises(LogError, match=f"format {FORMAT + 1}"):
        asyncio.run(open_embedded_log(tmp_path))


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "ä", "x" * 250])
def test_a_topic_needs_a_name_that_kafka_would_take(tmp_path: Path, name: str) -> None:
    async def main() -> None:
        log = await open_embedded_log(tmp_path)
        with pytest.raises(LogError, match="no topic name"):
            await log.create_topic(name, 1)
        await log.close()

    asyncio.run(main())


def test_a_wrong_number_of_partitions_is_refused_after_opening_again(tmp_path: Path) -> None:
    async def opened(partitions: int) -> None:
        log = await open_embedded_log(tmp_path)
        try:
            await log.ensure_topics([TopicSpec(TOPIC, partitions, Cleanup.NEVER_BY_TIME)])
        finally:
            await log.close()

    asyncio.run(opened(4))
    asyncio.run(opened(4))
    with pytest.raises(TopicMisconfigured, match="partitions is 4, needed is 8"):
        asyncio.run(opened(8))
