"""What nodes without tables do: newest mark, compacted topics, journal; and how nodes lose what they had."""

from __future__ import annotations

from collections.abc import Iterator

from checkpoint_state import (
    ABORTED,
    OPEN,
    Bounds,
    Node,
    Rebuild,
    Rules,
    State,
    applied,
    last_stable,
    marks,
    newest_mark,
    rows_of,
    visible,
    with_node,
)
from checkpoint_writes import ended
from state_search import Step

OUTLIVES = "a rebuild outlives one checkpoint beside it"


def rebuild_steps(state: State, rules: Rules, bounds: Bounds) -> Iterator[tuple[Step, State]]:
    """Nodes stop, lose their disks, and rebuild; the coordinator ends transactions that stay open."""
    for number, node in enumerate(state.nodes):
        if node.rebuild:
            yield from one_rebuild(state, number, node, node.rebuild[0], rules)
            continue
        if node.epoch and node.checkpoint:
            stopped = node._replace(epoch=0, checkpoint=())
            yield ("steps_down", number), state._replace(nodes=with_node(state, number, stopped))
        if state.lost_disks < bounds.lost_disks:
            lost = Node(rebuild=(Rebuild(),))
            less = state._replace(lost_disks=state.lost_disks + 1)
            yield ("loses_its_disk", number), less._replace(nodes=with_node(state, number, lost))
    for transaction, status in enumerate(state.transactions):
        if status == OPEN and state.time_outs < bounds.time_outs:
            aborted = ended(state, transaction, ABORTED)
            less = state._replace(time_outs=state.time_outs + 1)
            yield ("transaction_times_out", transaction), less._replace(transactions=aborted)


def one_rebuild(state: State, number: int, node: Node, rebuild: Rebuild, rules: Rules) -> Iterator[tuple[Step, State]]:
    """The next thing that a rebuild does."""

    def on(after: Node) -> State:
        return state._replace(nodes=with_node(state, number, after))

    ends = tuple(len(topic) for topic in state.topics)
    if rebuild.stage == "empty":
        if not rules.mark_is_read_before_rows:
            rows = rows_read(state, node, rebuild._replace(ends=ends, stage="mark"), rules)
            if rows is not None:
                yield ("reads_rows", number), on(rows)
            return
        noted = () if rules.watermarks_are_taken_behind_mark else ends
        yield ("notes_watermarks_or_begins", number), on(node._replace(rebuild=(Rebuild("begun", ends=noted),)))
    elif rebuild.stage == "begun":
        read = Rebuild("mark", newest_mark(state), rebuild.ends)
        yield ("reads_newest_mark_to_rebuild", number), on(node._replace(rebuild=(read,)))
    elif rebuild.stage == "mark":
        noted = rebuild.ends or ends
        yield ("notes_watermarks", number), on(node._replace(rebuild=(rebuild._replace(stage="rows", ends=noted),)))
    elif rebuild.stage == "rows":
        rows = rows_read(state, node, rebuild, rules)
        if rows is not None:
            yield ("reads_rows", number), on(rows)
    elif rebuild.stage == "late mark":
        newest = newest_mark(state)
        after = node._replace(position=newest.offset, rebuild=(rebuild._replace(stage="journal", mark=newest),))
        yield ("reads_newest_mark_to_rebuild", number), on(after)
    else:
        yield from journal_read(state, number, node, rebuild, rules)


def rows_read(state: State, node: Node, rebuild: Rebuild, rules: Rules) -> Node | None:
    """All rows up to the watermarks, which must be stable for that; None as long as they are not."""
    entries = []
    for topic, end in enumerate(rebuild.ends):
        stable = last_stable(state, topic)
        if stable < end and rules.rows_are_read_to_high_watermark:
            return None
        entries.append(visible(state, topic, min(stable, end)))
    met = max((mark.offset for mark in marks(entries[1])), default=0)
    tables = rows_of(entries[1], rows_of(entries[0], node.tables))
    stage = "journal" if rules.mark_is_read_before_rows else "late mark"
    after = rebuild._replace(stage=stage, newest_met=max(met, rebuild.mark.offset), journal_end=len(state.journal))
    return node._replace(tables=tables, position=rebuild.mark.offset, rebuild=(after,))


def journal_read(state: State, number: int, node: Node, rebuild: Rebuild, rules: Rules) -> Iterator[tuple[Step, State]]:
    """The journal from the mark on, then the node serves."""
    if node.position < state.begin:
        later = [mark for mark in marks(visible(state, 1, len(state.topics[1]))) if mark.offset > rebuild.mark.offset]
        if rules.journal_must_begin_at_mark:
            complaint = OUTLIVES if len(later) <= 1 else ""
            again = Node(rebuild=(Rebuild(),))
            after = state._replace(nodes=with_node(state, number, again), complaint=complaint)
            yield ("finds_the_journal_gone_and_begins_again", number), after
            return
        node = node._replace(position=state.begin)
    if node.position < len(state.journal):
        tables = applied(node.tables, state.journal[node.position], rules)
        read = node._replace(tables=tables, position=node.position + 1)
        yield ("reads_a_journal_record", number), state._replace(nodes=with_node(state, number, read))
    met = rebuild.journal_end if rules.rows_may_be_newer_than_any_mark_met else rebuild.newest_met
    if node.position >= met or not rules.nothing_is_served_before_what_was_met:
        served = node._replace(rebuild=())
        yield ("serves", number), state._replace(nodes=with_node(state, number, served))
