"""The checkpoint part: rows copied to compacted topics, and tables rebuilt from them.

One writer per journal holds here by assumption (its own part shows it): the journal is a list of records that count.
The tables are two rows, one in each of two topics; the marks stand in the second. A record puts a value into a row, 0
removes it. Leaders that do not know that they were succeeded go on with their checkpoints.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

ROWS = (0, 1)
MARK = 2
OPEN, COMMITTED, ABORTED = "open", "committed", "aborted"


@dataclass(frozen=True)
class Rules:
    """What checkpoints and rebuilds keep to."""

    producer_is_fresh_and_fences: bool = True
    newest_mark_is_read_behind_init: bool = True
    checkpoint_stops_at_newer_mark: bool = True
    first_checkpoint_covers_all_since_newest_mark: bool = True
    rows_and_mark_are_of_one_snapshot: bool = True
    removed_rows_are_removed_there: bool = True
    mark_is_written_last: bool = True
    mark_is_read_back_before_deleting: bool = True
    journal_is_kept_from_previous_mark: bool = True
    mark_is_read_before_rows: bool = True
    watermarks_are_taken_behind_mark: bool = True
    rows_are_read_to_high_watermark: bool = True
    journal_must_begin_at_mark: bool = True
    nothing_is_served_before_what_was_met: bool = True
    rows_may_be_newer_than_any_mark_met: bool = True
    events_carry_values: bool = True


@dataclass(frozen=True)
class Bounds:
    """How much may happen. `rows`: how many of the two rows are written.

    `parts`: how many checkpoints may be committed in two transactions; `hanging`: how many transactions may stay open
    though another producer's init should have ended them.
    """

    nodes: int = 2
    rows: int = 2
    records: int = 2
    removals: int = 0
    leaders: int = 1
    checkpoints: int = 2
    parts: int = 0
    lost_disks: int = 1
    time_outs: int = 1
    hanging: int = 0


class Event(NamedTuple):
    """A journal record: a row's new value, or (row -1) the announcement of an epoch."""

    row: int
    value: int


class Mark(NamedTuple):
    """Rows in the topics are at least as new as the journal before `offset`."""

    offset: int = 0
    epoch: int = 0


class Entry(NamedTuple):
    """A record of a compacted topic, written in a transaction."""

    key: int
    value: int
    mark: Mark
    transaction: int


class Checkpoint(NamedTuple):
    """A leader's checkpoint under way. `done`: how many of its writes are made."""

    producer: int
    transaction: int
    previous: Mark = Mark()
    offset: int = -1
    tables: tuple[int, ...] = ()
    changed: tuple[int, ...] = ()
    done: int = 0
    committed: bool = False


class Rebuild(NamedTuple):
    """A rebuild under way: what was read first, and what must be read before anything is served."""

    stage: str = "empty"
    mark: Mark = Mark()
    ends: tuple[int, ...] = ()
    newest_met: int = 0
    journal_end: int = 0


class Node(NamedTuple):
    """A node: its tables behind `position` records, the epoch that it leads, its work under way.

    `since`: it knows which rows changed from that journal offset on.
    """

    tables: tuple[int, ...] = (0, 0)
    position: int = 0
    epoch: int = 0
    since: int = 0
    checkpoint: tuple[Checkpoint, ...] = ()
    rebuild: tuple[Rebuild, ...] = ()


class State(NamedTuple):
    """The journal and where it begins, the two topics, their transactions, the nodes."""

    nodes: tuple[Node, ...]
    journal: tuple[Event, ...] = ()
    begin: int = 0
    topics: tuple[tuple[Entry, ...], ...] = ((), ())
    transactions: tuple[str, ...] = ()
    producer: int = 0
    records: int = 0
    removals: int = 0
    epoch: int = 0
    checkpoints: int = 0
    parts: int = 0
    lost_disks: int = 0
    time_outs: int = 0
    hanging: int = 0
    complaint: str = ""


def applied(tables: tuple[int, ...], event: Event, rules: Rules) -> tuple[int, ...]:
    """Tables behind one more record."""
    if event.row < 0:
        return tables
    value = event.value if rules.events_carry_values else tables[event.row] + 1
    return (*tables[: event.row], value, *tables[event.row + 1 :])


@lru_cache(maxsize=10_000)
def replayed(journal: tuple[Event, ...], rules: Rules) -> tuple[int, ...]:
    """What a journal makes of empty tables: the truth."""
    tables: tuple[int, ...] = (0, 0)
    for event in journal:
        tables = applied(tables, event, rules)
    return tables


def tables_at(state: State, offset: int, rules: Rules) -> tuple[int, ...]:
    """What tables are behind the journal before an offset."""
    return replayed(state.journal[:offset], rules)


def visible(state: State, topic: int, end: int) -> list[Entry]:
    """The committed records of a topic before an offset."""
    return [entry for entry in state.topics[topic][:end] if state.transactions[entry.transaction] == COMMITTED]


def last_stable(state: State, topic: int) -> int:
    """The offset of the first record of an open transaction, or the end."""
    for offset, entry in enumerate(state.topics[topic]):
        if state.transactions[entry.transaction] == OPEN:
            return offset
    return len(state.topics[topic])


def marks(entries: list[Entry]) -> list[Mark]:
    return [entry.mark for entry in entries if entry.key == MARK]


def newest_mark(state: State) -> Mark:
    """The last mark that a reader of committed records sees."""
    return (marks(visible(state, 1, last_stable(state, 1))) or [Mark()])[-1]


def rows_of(entries: list[Entry], tables: tuple[int, ...]) -> tuple[int, ...]:
    """The last value of each key."""
    for entry in entries:
        if entry.key in ROWS:
            tables = (*tables[: entry.key], entry.value, *tables[entry.key + 1 :])
    return tables


def with_node(state: State, number: int, node: Node) -> tuple[Node, ...]:
    return (*state.nodes[:number], node, *state.nodes[number + 1 :])
