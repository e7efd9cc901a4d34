"""How nodes come to lead, and how they stop: announcements, take-overs, crashes."""

from __future__ import annotations

from collections.abc import Iterator

from journal_state import (
    ANNOUNCING,
    DOWN,
    FRESH,
    HALTED,
    LEADING,
    ONE_OUTCOME,
    Bounds,
    Node,
    Reader,
    Record,
    Release,
    Rules,
    State,
    Turn,
    offset_of,
    read,
    readings,
)
from state_search import Step


def with_node(state: State, number: int, node: Node) -> tuple[Node, ...]:
    """The nodes with one of them changed."""
    return (*state.nodes[:number], node, *state.nodes[number + 1 :])


def released(state: State, releases: tuple[Release, ...]) -> State:
    """Clients hear something."""
    for command, answer, at_least in releases:
        if command:
            told = (*state.told, *([0] * (command - len(state.told))))
            before = told[command - 1]
            complaint = ONE_OUTCOME if before not in (0, answer) else state.complaint
            told = (*told[: command - 1], answer, *told[command:])
            state = state._replace(told=told, complaint=complaint, length_told=max(state.length_told, answer))
        else:
            complaint = FRESH if answer < at_least else state.complaint
            state = state._replace(complaint=complaint, length_told=max(state.length_told, answer))
    return state


def term_steps(state: State, rules: Rules, bounds: Bounds) -> Iterator[tuple[Step, State]]:
    """What nodes can do about leading."""
    for number, node in enumerate(state.nodes):
        if node.phase in (DOWN, ANNOUNCING) and state.announcements < bounds.announcements:
            yield ("announces", number), announced(state, number, node, rules)
        if node.phase == ANNOUNCING:
            offset = offset_of(state.log, node.announcement, 0)
            if offset >= 0:
                yield ("leads_or_is_deposed", number), taken_over(state, number, node, offset, rules)
        if node.phase in (ANNOUNCING, LEADING):
            crashed = Node(stored=node.stored)
            yield ("crashes", number), state._replace(nodes=with_node(state, number, crashed))


def announced(state: State, number: int, node: Node, rules: Rules) -> State:
    """The node reads the journal to its end and sends an announcement. From `stored` if it has just started."""
    reader = node.stored if node.phase == DOWN else node.reader
    if rules.applied_record_is_compared and not belongs(reader, state.log):
        return state._replace(nodes=with_node(state, number, Node(HALTED, node.stored)))
    reader = read(reader, state.log, len(state.log), rules)
    epoch = reader.epoch + 1
    announcement = state.announcements + 1 if rules.announcement_is_random else epoch
    node = node._replace(
        phase=ANNOUNCING,
        reader=reader,
        announcement=announcement,
        epoch=epoch,
        unacknowledged=(),
        unsettled=node.unsettled + node.unacknowledged,
    )
    return state._replace(
        nodes=with_node(state, number, node),
        wire=tuple(sorted((*state.wire, Record(announcement, epoch, 0)))),
        announcements=state.announcements + 1,
    )


def belongs(reader: Reader, log: tuple[Record, ...]) -> bool:
    """Whether tables and journal belong together: the record that was applied last is still the one at its offset."""
    if reader.next_offset > len(log):
        return False
    if reader.applied < 0:
        return True
    record = log[reader.applied]
    return (record.announcement, record.epoch, record.index) == (
        reader.announcement,
        reader.epoch,
        reader.next_index - 1,
    )


def taken_over(state: State, number: int, node: Node, offset: int, rules: Rules) -> State:
    """The node's announcement is in the log: it reads up to it, and leads if it counts."""
    before = node.reader
    compared = rules.applied_record_is_compared and rules.applied_record_is_compared_behind_announcement
    if compared and not belongs(before, state.log[:offset]):
        return state._replace(nodes=with_node(state, number, Node(HALTED, node.stored)))
    if rules.leader_reads_up_to_its_announcement:
        before = read(node.reader, state.log, offset, rules)
    own = Record(node.announcement, node.epoch, 0)
    counts = before.epoch < own.epoch or not rules.announcement_raises_epoch
    if not counts and rules.leader_serves_only_if_announcement_counts:
        return state._replace(nodes=with_node(state, number, Node(stored=node.stored)))
    reader = Reader(before.tables, offset + 1, offset, own.announcement, own.epoch, 1)
    found = [turn for turn in node.unsettled if is_found(turn, state.log[:offset], rules)]
    again = [turn for turn in node.unsettled if turn not in found]
    overlay = reader.tables if rules.rest_of_overlay_is_dropped else node.overlay
    if len(overlay) < len(reader.tables):
        overlay = reader.tables
    node = Node(
        phase=LEADING,
        stored=node.stored,
        reader=reader,
        overlay=overlay,
        announcement=own.announcement,
        epoch=own.epoch,
        announced_at=offset,
        next_index=1,
        queue=node.queue + tuple(turn.record.command for turn in again if turn.record.command),
    )
    state = state._replace(nodes=with_node(state, number, node))
    for turn in found:
        state = released(state, turn.releases)
    return state


def is_found(turn: Turn, log: tuple[Record, ...], rules: Rules) -> bool:
    """Whether a record whose fate was unknown turns out to count."""
    if not rules.found_records_count_as_acknowledged:
        return False
    record = turn.record
    return any(
        reader.announcement == record.announcement and reader.next_index > record.index
        for reader in readings(log, rules)
    )
