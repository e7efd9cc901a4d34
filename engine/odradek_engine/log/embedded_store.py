"""The RocksDB below the embedded log: opened by one process, checked, and opened anew after an error.

Owns the directory and its lock. What is not a clean tail of the write-ahead log (a flipped bit) is refused when the
store is opened, never skipped.
"""

from __future__ import annotations

import uuid
from pathlib import Path

import msgspec
from rocksdict import DBRecoveryMode, Options, Rdict

from odradek_engine.log import embedded_rows as rows
from odradek_engine.log.embedded_partition import EmbeddedPartition
from odradek_engine.log.port import LogError

WRITE_BUFFER_BYTES = 64 * 1024 * 1024
OPEN_FILES_MAX = 256
INFO_LOGS_MAX = 4


class EmbeddedStore:
    """The database, the topics in it and their partitions."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.database: Rdict | None = None
        self.topics: dict[str, rows.TopicRow] = {}
        self.partitions: dict[tuple[str, int], EmbeddedPartition] = {}
        self.cluster_id = ""

    def open(self) -> Rdict:
        """The open database; after an error it is opened anew and all offsets are read again. Raises `LogError`."""
        if self.database is not None:
            return self.database
        db = self._open_database()
        try:
            self._check_format(db)
            self._load_topics(db)
            for partition in self.partitions.values():
                partition.recover(db)
        except BaseException:
            db.close()
            raise
        self.database = db
        return db

    def discard(self) -> None:
        """Closes the database; the next `open` finds what is really on disk."""
        db, self.database = self.database, None
        if db is None:
            return
        try:
            db.close()
        except Exception:  # it cannot write what it still had to: `open` reads what is there
            return

    def add_topic(self, topic: rows.TopicRow) -> None:
        """Takes a topic into the tables in memory."""
        self.topics[topic.name] = topic
        for index in range(topic.partitions):
            self.partitions[topic.name, index] = EmbeddedPartition(topic, index)

    def _open_database(self) -> Rdict:
        self._path.mkdir(parents=True, exist_ok=True)
        try:
            return Rdict(str(self._path), _options())
        except Exception as error:  # rocksdict raises bare exceptions
            text = str(error)
            if "lock" in text.lower():
                raise LogError(f"the log in {self._path} is in use by another process: stop that one first") from error
            raise LogError(f"the log in {self._path} cannot be opened: {text}") from error

    def _check_format(self, db: Rdict) -> None:
        stored = db.get(rows.FORMAT_KEY)
        if stored is None:
            db[rows.CLUSTER_ID_KEY] = uuid.uuid4().hex.encode()
            db[rows.FORMAT_KEY] = str(rows.FORMAT).encode()
            db.flush_wal(True)
        elif int(stored) > rows.FORMAT:
            text = f"has format {int(stored)}, this version knows up to {rows.FORMAT}: run a newer version"
            raise LogError(f"the log in {self._path} {text}")
        self.cluster_id = (db.get(rows.CLUSTER_ID_KEY) or b"").decode()

    def _load_topics(self, db: Rdict) -> None:
        for _, value in rows.scan(db, rows.TOPIC_PREFIX):
            try:
                topic = rows.decode_topic(value)
            except msgspec.DecodeError as error:
                raise LogError(f"the log in {self._path} holds a topic that cannot be read: {error}") from error
            if topic.name not in self.topics:
                self.add_topic(topic)


def _options() -> Options:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_write_buffer_size(WRITE_BUFFER_BYTES)
    options.set_max_open_files(OPEN_FILES_MAX)
    options.set_keep_log_file_num(INFO_LOGS_MAX)
    options.set_wal_recovery_mode(DBRecoveryMode.tolerate_corrupted_tail_records())
    return options
