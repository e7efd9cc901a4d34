"""The journal part: one partition's journal and the nodes that fight for it.

The application is a list: a command asks to be put behind what is there, its event says at which place it stands, its
answer is that place. A read asks how long the list is. Announcement ids are numbers in the order of their making, and
nothing looks at that order.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

ONE_OUTCOME = "one outcome for each command"
FRESH = "no negative answer older than what was known"

Tables = tuple[int, ...]
"""The list: the command at each place; 0 for a place that was left out."""


@dataclass(frozen=True)
class Rules:
    """What readers and leaders of a journal keep to. A planted bug is one of them dropped."""

    announcement_is_random: bool = True
    announcement_raises_epoch: bool = True
    record_is_of_current_announcement: bool = True
    record_index_is_next: bool = True
    leader_reads_up_to_its_announcement: bool = True
    leader_serves_only_if_announcement_counts: bool = True
    record_is_acknowledged_at_its_offset: bool = True
    error_is_never_a_no: bool = True
    error_ends_the_term: bool = True
    error_is_followed_by_new_announcement: bool = True
    found_records_count_as_acknowledged: bool = True
    rest_of_overlay_is_dropped: bool = True
    reply_waits_for_acknowledgement: bool = True
    read_waits_for_what_it_could_have_read: bool = True
    negative_answer_waits_for_heartbeat: bool = True
    negative_answer_waits_for_a_later_record: bool = True
    store_holds_only_acknowledged_rows: bool = True
    position_is_written_with_rows: bool = True
    applied_record_is_compared: bool = True
    applied_record_is_compared_behind_announcement: bool = True


@dataclass(frozen=True)
class Bounds:
    """How much may happen."""

    nodes: int = 2
    announcements: int = 3
    commands: int = 2
    reads: int = 0
    doubles: int = 0
    lost_tails: int = 0


class Record(NamedTuple):
    """A journal record. `place` 0: an announcement (index 0) or a heartbeat."""

    announcement: int
    epoch: int
    index: int
    command: int = 0
    place: int = 0


class Reader(NamedTuple):
    """Tables, how far they were read, and whom they follow."""

    tables: Tables = ()
    next_offset: int = 0
    applied: int = -1
    announcement: int = 0
    epoch: int = 0
    next_index: int = 0


class Release(NamedTuple):
    """What a client hears when a record is durable: the place of its command, or (command 0) the length of the list.

    A negative answer, that nothing stands behind that length, must not be older than what was known (`at_least`).
    """

    command: int
    answer: int
    at_least: int = 0


class Turn(NamedTuple):
    """A record under way, and what is released with it."""

    record: Record
    releases: tuple[Release, ...]


DOWN, ANNOUNCING, LEADING, HALTED = "down", "announcing", "leading", "halted"


class Node(NamedTuple):
    """A node. `stored` outlives it; `reader` is what it knows to be acknowledged, `overlay` what it has decided."""

    phase: str = DOWN
    stored: Reader = Reader()
    reader: Reader = Reader()
    overlay: Tables = ()
    announcement: int = 0
    epoch: int = 0
    announced_at: int = 0
    next_index: int = 0
    unacknowledged: tuple[Turn, ...] = ()
    unsettled: tuple[Turn, ...] = ()
    queue: tuple[int, ...] = ()


class State(NamedTuple):
    """The log, what is on its way to it, the nodes, and what clients were told (by command, 0 for nothing).

    `cut_off`: the announcement whose record the log lost; its idempotent producer can write nothing more.
    """

    nodes: tuple[Node, ...]
    log: tuple[Record, ...] = ()
    wire: tuple[Record, ...] = ()
    announcements: int = 0
    commands: int = 0
    reads: int = 0
    doubles: int = 0
    lost_tails: int = 0
    announcements_at_loss: int = 0
    cut_off: int = 0
    told: tuple[int, ...] = ()
    length_told: int = 0
    complaint: str = ""


def admits(reader: Reader, record: Record, rules: Rules) -> bool:
    """Whether a record counts: the fence."""
    if record.index == 0:
        return record.epoch > reader.epoch or not rules.announcement_raises_epoch
    current = record.announcement == reader.announcement and record.epoch == reader.epoch
    following = record.index == reader.next_index
    return (current or not rules.record_is_of_current_announcement) and (following or not rules.record_index_is_next)


def placed(tables: Tables, command: int, place: int) -> Tables:
    """Applies an event: values, not instructions."""
    if place > len(tables):
        return (*tables, *([0] * (place - len(tables) - 1)), command)
    return (*tables[: place - 1], command, *tables[place:])


def after_record(reader: Reader, record: Record, rules: Rules) -> Reader:
    """A reader behind one more record."""
    if not admits(reader, record, rules):
        return reader._replace(next_offset=reader.next_offset + 1)
    tables = placed(reader.tables, record.command, record.place) if record.place else reader.tables
    offset = reader.next_offset
    return Reader(tables, offset + 1, offset, record.announcement, record.epoch, record.index + 1)


@lru_cache(maxsize=100_000)
def read(reader: Reader, log: tuple[Record, ...], end: int, rules: Rules) -> Reader:
    """A reader that went on up to offset `end`."""
    for record in log[reader.next_offset : end]:
        reader = after_record(reader, record, rules)
    return reader


@lru_cache(maxsize=100_000)
def readings(log: tuple[Record, ...], rules: Rules) -> tuple[Reader, ...]:
    """A reader without tables behind each prefix of the log, the empty one first."""
    readers = [Reader()]
    for record in log:
        readers.append(after_record(readers[-1], record, rules))
    return tuple(readers)


def offset_of(log: tuple[Record, ...], announcement: int, index: int) -> int:
    """Where a record landed first, -1 if it did not."""
    for offset, record in enumerate(log):
        if record.announcement == announcement and record.index == index:
            return offset
    return -1
