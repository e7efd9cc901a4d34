"""A program for the crash tests: appends to an embedded log until it is killed.

`embedded_appender.py DIRECTORY TOPIC FIRST_NUMBER` appends numbered records and prints the offset of each one that
was acknowledged. Some are small, some span many blocks of the write-ahead log.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from odradek_engine.log.embedded import open_embedded_log
from odradek_engine.log.port import Cleanup, JournalWriter, LogError, TopicSpec

IN_FLIGHT = 64


def record(number: int) -> bytes:
    """The record of a number: it tells whether it is whole."""
    return b"%d:" % number + bytes([number % 251]) * (number * 37 % 5000 if number % 50 else 300_000)


class _Appender:
    def __init__(self, first: int) -> None:
        self.number = first
        self.writer: JournalWriter | None = None
        self.failure: asyncio.Future[LogError] = asyncio.get_running_loop().create_future()

    def append(self) -> None:
        assert self.writer is not None
        self.writer.append(record(self.number))
        self.number += 1

    def acknowledged(self, offset: int) -> None:
        sys.stdout.write(f"{offset}\n")
        sys.stdout.flush()
        self.append()

    def failed(self, error: LogError) -> None:
        self.failure.set_result(error)


async def main(directory: Path, topic: str, first: int) -> None:
    log = await open_embedded_log(directory)
    await log.ensure_topics([TopicSpec(topic, 1, Cleanup.NEVER_BY_TIME)])
    appender = _Appender(first)
    appender.writer = log.journal_writer(topic, 0, appender)
    for _ in range(IN_FLIGHT):
        appender.append()
    sys.exit(f"failed: {await appender.failure}")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
