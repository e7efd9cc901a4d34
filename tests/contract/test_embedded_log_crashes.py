"""The embedded log through kill -9, torn and flipped bytes, a second process and a disk without room."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from embedded_appender import record

from odradek_engine.log.embedded import EmbeddedLog, open_embedded_log
from odradek_engine.log.port import Cleanup, LogError, NewRecord, Record, TopicSpec

TOPIC = "journal"
FULL_DISK = Path(__file__).with_name("embedded_full_disk.py")
APPENDER = Path(__file__).with_name("embedded_appender.py")


async def read_topic(log: EmbeddedLog) -> list[Record]:
    end = await log.end_offset(TOPIC, 0)
    reader = await log.reader(TOPIC, 0, await log.begin_offset(TOPIC, 0))
    records: list[Record] = []
    while not records or records[-1].offset + 1 < end:
        found = await reader.read(500, 0)
        if not found:
            break
        records.extend(found)
    return records


async def read_log(directory: Path) -> list[Record]:
    log = await open_embedded_log(directory)
    try:
        return await read_topic(log)
    finally:
        await log.close()


def killed_appender(directory: Path, first: int, acknowledgements: int) -> list[int]:
    """Runs an appender, kills it after so many acknowledgements; every offset that it told."""
    command = [sys.executable, str(APPENDER), str(directory), TOPIC, str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        offsets = [int(process.stdout.readline()) for _ in range(acknowledgements)]
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().split("\n")
    assert process.returncode == -signal.SIGKILL
    return offsets + [int(line) for line in rest[:-1]]


def test_every_acknowledged_record_survives_kill_9(tmp_path: Path) -> None:
    kept = 0
    for acknowledgements in (1, 60, 400, 7, 1500):
        offsets = killed_appender(tmp_path, kept, acknowledgements)
        assert offsets == list(range(kept, kept + len(offsets)))
        records = asyncio.run(read_log(tmp_path))
        assert [found.offset for found in records] == list(range(len(records)))
        assert len(records) >= offsets[-1] + 1
        assert all(found.value == record(found.offset) for found in records)
        kept = len(records)


@pytest.fixture
def written_log(tmp_path: Path) -> tuple[Path, list[Path], int]:
    """A log of 40 records that was never closed: its directory, its write-ahead logs, the number of records."""
    directory = tmp_path / "written"

    async def write() -> None:
        log = await open_embedded_log(directory)
        await log.ensure_topics([TopicSpec(TOPIC, 1, Cleanup.NEVER_BY_TIME)])
        for i in range(40):
            await log.append(TOPIC, 0, [NewRecord(b"%d:" % i + b"x" * (i * 13))])
        shutil.copytree(directory, tmp_path / "copy")
        await log.close()

    asyncio.run(write())
    (tmp_path / "copy" / "LOCK").unlink()
    return tmp_path / "copy", sorted((tmp_path / "copy").glob("*.log")), 40


def test_a_log_cut_off_at_any_byte_keeps_a_whole_prefix(written_log: tuple[Path, list[Path], int]) -> None:
    directory, wals, count = written_log
    wal = wals[-1]
    whole = wal.read_bytes()
    lengths: set[int] = set()
    for cut in [*range(1, 60), *range(60, len(whole) // 2, 211)]:
        trial = directory.with_name("trial")
        shutil.copytree(directory, trial)
        (trial / wal.name).write_bytes(whole[:-cut])
        records = asyncio.run(read_log(trial))
        assert [found.value for found in records] == [b"%d:" % i + b"x" * (i * 13) for i in range(len(records))]
        lengths.add(len(records))
        shutil.rmtree(trial)
    assert max(lengths) == count - 1
    assert len(lengths) > 10


def test_a_flipped_bit_is_refused_not_skipped(written_log: tuple[Path, list[Path], int]) -> None:
    directory, wals, _ = written_log
    flipped = bytearray(wals[-1].read_bytes())
    flipped[len(flipped) // 2] ^= 1
    wals[-1].write_bytes(flipped)
    with pytest.raises(LogError, match="cannot be opened"):
        asyncio.run(read_log(directory))


def test_a_second_process_is_refused_with_a_clear_text(tmp_path: Path) -> None:
    command = [sys.executable, str(APPENDER), str(tmp_path), TOPIC, "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "0\n"
        with pytest.raises(LogError, match="in use by another process"):
            asyncio.run(read_log(tmp_path))
        process.kill()
    assert asyncio.run(read_log(tmp_path))


def test_a_torn_settings_file_of_rocksdict_does_not_lock_anyone_out(tmp_path: Path) -> None:
    killed_appender(tmp_path, 0, 10)
    (tmp_path / "rocksdict-config.json").write_bytes(b"")
    assert len(asyncio.run(read_log(tmp_path))) >= 10


def test_without_room_the_writer_fails_and_goes_on_when_there_is_room_again(tmp_path: Path) -> None:
    command = [sys.executable, str(FULL_DISK), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines():
        assert "writing the log failed" in line
        assert "File too large" in line
