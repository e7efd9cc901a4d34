"""What leaders do in the checkpoint part: they write the journal, and copy rows to the compacted topics."""

from __future__ import annotations

from collections.abc import Iterator

from checkpoint_state import (
    ABORTED,
    COMMITTED,
    MARK,
    OPEN,
    Bounds,
    Checkpoint,
    Entry,
    Event,
    Mark,
    Node,
    Rules,
    State,
    applied,
    newest_mark,
    with_node,
)
from state_search import Step


def leader_steps(state: State, rules: Rules, bounds: Bounds) -> Iterator[tuple[Step, State]]:
    """Nodes come to lead, write records, begin checkpoints and carry them on."""
    for number, node in enumerate(state.nodes):
        if node.rebuild:
            continue
        if state.epoch < bounds.leaders and not node.epoch and node.position >= state.begin:
            yield ("leads", number), led(state, number, node, rules)
        if node.epoch and node.epoch == state.epoch and state.records < bounds.records:
            for row in range(bounds.rows):
                yield ("writes_row", number, row), written(state, number, node, Event(row, state.records + 1), rules)
                if node.tables[row] and state.removals < bounds.removals:
                    less = state._replace(removals=state.removals + 1)
                    yield ("removes_row", number, row), written(less, number, node, Event(row, 0), rules)
        if node.epoch and not node.checkpoint and state.checkpoints < bounds.checkpoints:
            yield ("begins_checkpoint", number), begun(state, number, node, rules)
            if OPEN in state.transactions and state.hanging < bounds.hanging:
                hanging = begun(state, number, node, rules)
                hanging = hanging._replace(transactions=(*state.transactions, OPEN), hanging=state.hanging + 1)
                yield ("begins_checkpoint_beside_a_hanging_transaction", number), hanging
        if node.checkpoint:
            yield from checkpoint_steps(state, number, node, node.checkpoint[0], rules, bounds)


def led(state: State, number: int, node: Node, rules: Rules) -> State:
    """A node with tables reads the journal to its end, behind its announcement."""
    tables = node.tables
    for event in state.journal[node.position :]:
        tables = applied(tables, event, rules)
    epoch = state.epoch + 1
    position = len(state.journal) + 1
    since = newest_mark(state).offset if rules.first_checkpoint_covers_all_since_newest_mark else position
    node = Node(tables, position, epoch, since)
    return state._replace(nodes=with_node(state, number, node), journal=(*state.journal, Event(-1, epoch)), epoch=epoch)


def written(state: State, number: int, node: Node, event: Event, rules: Rules) -> State:
    node = node._replace(tables=applied(node.tables, event, rules), position=node.position + 1)
    return state._replace(
        nodes=with_node(state, number, node), journal=(*state.journal, event), records=state.records + 1
    )


def begun(state: State, number: int, node: Node, rules: Rules) -> State:
    """A producer of the partition's transactional id: its init aborts what an earlier one left open, and fences it."""
    transactions = state.transactions
    producer = state.producer
    if rules.producer_is_fresh_and_fences:
        producer += 1
        transactions = tuple(ABORTED if each == OPEN else each for each in transactions)
    checkpoint = Checkpoint(producer, len(transactions))
    state = state._replace(producer=producer, transactions=(*transactions, OPEN), checkpoints=state.checkpoints + 1)
    if not rules.newest_mark_is_read_behind_init:  # it was read, and the snapshot taken, before
        checkpoint = checkpoint._replace(producer=0)
        state = state._replace(transactions=(*transactions, ABORTED), producer=producer - 1)
    return state._replace(nodes=with_node(state, number, node._replace(checkpoint=(checkpoint,))))


def checkpoint_steps(
    state: State, number: int, node: Node, checkpoint: Checkpoint, rules: Rules, bounds: Bounds
) -> Iterator[tuple[Step, State]]:
    """The next thing that a checkpoint does. A producer that was fenced or timed out can do nothing."""

    def on(after: Checkpoint | None) -> State:
        kept = () if after is None else (after,)
        return state._replace(nodes=with_node(state, number, node._replace(checkpoint=kept)))

    if checkpoint.committed:
        yield ("reads_its_mark_back", number), confirmed(state, number, node, checkpoint, rules)
        return
    if checkpoint.offset < 0:
        yield ("reads_newest_mark", number), on(looked(state, node, checkpoint, rules))
        return
    if not checkpoint.producer:
        yield ("inits_its_producer", number), inited(state, number, node, checkpoint)
        return
    fenced = rules.producer_is_fresh_and_fences and checkpoint.producer != state.producer
    if fenced or state.transactions[checkpoint.transaction] != OPEN:
        yield ("gives_its_checkpoint_up", number), on(None)
        return
    writes = ["row 0", "row 1", "mark"] if rules.mark_is_written_last else ["mark", "row 0", "row 1"]
    if checkpoint.done < len(writes):
        what = writes[checkpoint.done]
        yield ("copies", number, what), copied(state, number, node, checkpoint, what, rules)
        if checkpoint.done == 1 and state.parts < bounds.parts:
            yield ("commits_a_part", number), part_committed(state, number, node, checkpoint)
        return
    yield from committed(state, number, node, checkpoint, rules)


def looked(state: State, node: Node, checkpoint: Checkpoint, rules: Rules) -> Checkpoint | None:
    """The newest mark, held against the own tables; then a snapshot of them."""
    newest = newest_mark(state)
    newer = newest.epoch > node.epoch or newest.offset >= node.position
    if newer and rules.checkpoint_stops_at_newer_mark:
        return None
    changed = tuple(sorted({event.row for event in state.journal[node.since : node.position]} - {-1}))
    return checkpoint._replace(previous=newest, offset=node.position, tables=node.tables, changed=changed)


def inited(state: State, number: int, node: Node, checkpoint: Checkpoint) -> State:
    transactions = tuple(ABORTED if each == OPEN else each for each in state.transactions)
    checkpoint = checkpoint._replace(producer=state.producer + 1, transaction=len(transactions))
    return state._replace(
        nodes=with_node(state, number, node._replace(checkpoint=(checkpoint,))),
        producer=state.producer + 1,
        transactions=(*transactions, OPEN),
    )


def copied(state: State, number: int, node: Node, checkpoint: Checkpoint, what: str, rules: Rules) -> State:
    """One write of the transaction: a row if it has changed, or the mark."""
    topics = state.topics
    if what == "mark":
        offset = checkpoint.offset if rules.rows_and_mark_are_of_one_snapshot else node.position
        entry = Entry(MARK, 0, Mark(offset, node.epoch), checkpoint.transaction)
        topics = (topics[0], (*topics[1], entry))
    else:
        row = int(what[-1])
        value = checkpoint.tables[row]
        if row in checkpoint.changed and (value or rules.removed_rows_are_removed_there):
            entry = Entry(row, value, Mark(), checkpoint.transaction)
            topics = (*topics[:row], (*topics[row], entry), *topics[row + 1 :])
    checkpoint = checkpoint._replace(done=checkpoint.done + 1)
    return state._replace(nodes=with_node(state, number, node._replace(checkpoint=(checkpoint,))), topics=topics)


def ended(state: State, transaction: int, outcome: str) -> tuple[str, ...]:
    return (*state.transactions[:transaction], outcome, *state.transactions[transaction + 1 :])


def part_committed(state: State, number: int, node: Node, checkpoint: Checkpoint) -> State:
    """Large checkpoints take several transactions."""
    transactions = (*ended(state, checkpoint.transaction, COMMITTED), OPEN)
    checkpoint = checkpoint._replace(transaction=len(transactions) - 1)
    return state._replace(
        nodes=with_node(state, number, node._replace(checkpoint=(checkpoint,))),
        transactions=transactions,
        parts=state.parts + 1,
    )


def committed(
    state: State, number: int, node: Node, checkpoint: Checkpoint, rules: Rules
) -> Iterator[tuple[Step, State]]:
    """A commit whose outcome is known, or not: what is read back decides."""
    for outcome in (COMMITTED, ABORTED):
        after = checkpoint._replace(committed=True)
        nodes = with_node(state, number, node._replace(checkpoint=(after,)))
        transactions = ended(state, checkpoint.transaction, outcome)
        yield ("commits_and_it_is", number, outcome), state._replace(nodes=nodes, transactions=transactions)


def confirmed(state: State, number: int, node: Node, checkpoint: Checkpoint, rules: Rules) -> State:
    """The mark is there: what comes next begins from it, and the journal before the previous mark may go."""
    own = Mark(checkpoint.offset, node.epoch)
    if newest_mark(state) != own and rules.mark_is_read_back_before_deleting:
        return state._replace(nodes=with_node(state, number, node._replace(checkpoint=())))
    kept_from = checkpoint.previous.offset if rules.journal_is_kept_from_previous_mark else own.offset
    node = node._replace(checkpoint=(), since=checkpoint.offset)
    return state._replace(nodes=with_node(state, number, node), begin=max(state.begin, kept_from))
