"""What must hold in every state of the journal part."""

from __future__ import annotations

import itertools

from journal_state import DOWN, FRESH, LEADING, Node, Reader, Rules, State, readings

__all__ = ["DURABLE_READS", "EQUAL", "FRESH", "IN_TURN", "KEPT", "ONCE", "broken"]

KEPT = "what a client was told stays"
ONCE = "a command takes effect once"
IN_TURN = "a decision stands on everything before it"
EQUAL = "tables are a function of the journal"
DURABLE_READS = "a read shows what is durable"


def broken(state: State, rules: Rules) -> str | None:
    """The invariant that does not hold."""
    if state.complaint:
        return state.complaint
    readers = readings(state.log, rules)
    if state.lost_tails:
        return _broken_after_loss(state, readers)
    tables = readers[-1].tables
    for command, place in enumerate(state.told, start=1):
        if place and (len(tables) < place or tables[place - 1] != command):
            return KEPT
    if state.length_told > len(tables):
        return DURABLE_READS
    if 0 in tables:
        return IN_TURN
    if len(set(tables)) < len(tables):
        return ONCE
    for before, after in itertools.pairwise(readers):
        if after.tables is not before.tables and after.tables[: len(before.tables)] != before.tables:
            return IN_TURN
    return _broken_tables(state, readers)


def _broken_tables(state: State, readers: tuple[Reader, ...]) -> str | None:
    for node in state.nodes:
        if node.stored.tables != readers[node.stored.next_offset].tables:
            return EQUAL
        if node.phase != DOWN and node.reader.tables != readers[node.reader.next_offset].tables:
            return EQUAL
    return None


def _broken_after_loss(state: State, readers: tuple[Reader, ...]) -> str | None:
    """The log broke its promise: whoever leads since then must have tables that are those of what is left."""
    for node in state.nodes:
        if node.phase == LEADING and node.announcement > state.announcements_at_loss and _differs(node, readers):
            return EQUAL
    return None


def _differs(node: Node, readers: tuple[Reader, ...]) -> bool:
    reader = node.reader
    return reader.next_offset >= len(readers) or reader.tables != readers[reader.next_offset].tables
