"""A program for the crash tests: an embedded log whose files may not grow, until they may again.

`embedded_full_disk.py DIRECTORY` appends until the writer fails, gives the room back, goes on with a fresh writer and
checks that every acknowledged record is there. It prints the failure's text.
"""

from __future__ import annotations

import asyncio
import resource
import sys
from pathlib import Path

from odradek_engine.log.embedded import open_embedded_log
from odradek_engine.log.port import Cleanup, LogError, NewRecord, TopicSpec

TOPIC = "journal"
FILE_BYTES_MAX = 1024 * 1024


class _Listener:
    def __init__(self) -> None:
        self.offsets: list[int] = []
        self.changed = asyncio.Event()
        self.error: LogError | None = None

    def acknowledged(self, offset: int) -> None:
        self.offsets.append(offset)
        self.changed.set()

    def failed(self, error: LogError) -> None:
        self.error = error
        self.changed.set()


async def main(directory: Path) -> None:
    log = await open_embedded_log(directory)
    await log.ensure_topics([TopicSpec(TOPIC, 1, Cleanup.NEVER_BY_TIME)])
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES_MAX, hard))
    before = _Listener()
    writer = log.journal_writer(TOPIC, 0, before)
    while before.error is None:
        before.changed.clear()
        writer.append(b"x" * 10_000)
        await before.changed.wait()
    try:
        await log.append(TOPIC, 0, [NewRecord(b"y" * 2 * FILE_BYTES_MAX)])
        sys.exit("an append went through without room")
    except LogError as error:
        print(error)

    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    after = _Listener()
    log.journal_writer(TOPIC, 0, after).append(b"there is room again")
    await after.changed.wait()
    assert after.error is None, after.error
    reader = await log.reader(TOPIC, 0, 0)
    found = {}
    while records := await reader.read(1000, 0):
        found.update({record.offset: record.value for record in records})
    assert sorted(found) == list(range(after.offsets[0] + 1))
    assert all(found[offset] == b"x" * 10_000 for offset in before.offsets)
    assert found[after.offsets[0]] == b"there is room again"
    await log.close()
    print(before.error)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
