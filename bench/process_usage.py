"""What processes use: CPU by thread, memory, disk. All but disk comes from Linux's /proc, elsewhere it is unknown."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

PROC = Path("/proc")
MAIN = "main"
"""The thread that a process began with: in a node, the loop's."""


def family(process_ids: Iterable[int]) -> list[int]:
    """These processes and all that they have started; they alone where that is unknown."""
    found = list(process_ids)
    for process_id in found:
        for task in PROC.glob(f"{process_id}/task/*"):
            try:
                found += [int(child) for child in (task / "children").read_text().split()]
            except (FileNotFoundError, ProcessLookupError):
                continue
    return found


def cpu_ns_by_thread(process_ids: Iterable[int]) -> Mapping[str, int]:
    """CPU so far in nanoseconds of processes and what they started, by the threads' names without their numbers.

    Empty where it is unknown.
    """
    used: Counter[str] = Counter()
    for process_id in family(process_ids):
        for task in PROC.glob(f"{process_id}/task/*"):
            try:
                name = (task / "comm").read_text().strip().rstrip("0123456789")
                name = MAIN if task.name == str(process_id) else name
                used[name] += int((task / "schedstat").read_text().split()[0])
            except (FileNotFoundError, ProcessLookupError):  # the thread has just ended
                continue
    return used


def cpu_since(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    """The difference by thread name. Threads that ended in between are left out."""
    return {name: used - before.get(name, 0) for name, used in sorted(after.items()) if used > before.get(name, 0)}


def resident_bytes(process_ids: Iterable[int]) -> int | None:
    """Memory that processes and what they started hold together; None where it is unknown."""
    pages = 0
    for process_id in family(process_ids):
        try:
            pages += int((PROC / str(process_id) / "statm").read_text().split()[1])
        except FileNotFoundError:
            return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def disk_bytes(directory: Path) -> int:
    """Disk that the files below a directory take."""
    blocks = 0
    for folder, _, files in os.walk(directory):
        for file in files:
            try:
                blocks += (Path(folder) / file).stat().st_blocks
            except FileNotFoundError:  # compacted away while we looked
                continue
    return blocks * 512
