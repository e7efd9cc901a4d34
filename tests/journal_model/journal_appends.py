"""What a leader does with commands, and what the log does with records: appends, acknowledgements, unknown results."""

from __future__ import annotations

from collections.abc import Iterator

from journal_state import LEADING, Bounds, Node, Record, Release, Rules, State, Turn, offset_of, placed, read
from journal_terms import announced, released, with_node
from state_search import Step


def append_steps(state: State, rules: Rules, bounds: Bounds) -> Iterator[tuple[Step, State]]:
    """What leaders can do in their terms."""
    for number, node in enumerate(state.nodes):
        if node.phase != LEADING:
            continue
        if node.next_index <= bounds.commands + 1:
            if node.queue:
                rest = node._replace(queue=node.queue[1:])
                yield ("decides", number, node.queue[0]), decided(state, number, rest, node.queue[0], rules)
            elif state.commands < bounds.commands:
                command = state.commands + 1
                counted = state._replace(commands=command)
                yield ("decides", number, command), decided(counted, number, node, command, rules)
            if state.reads < bounds.reads:
                yield ("is_asked_for_what_is_there", number), shown(state, number, node, rules)
                yield ("is_asked_for_what_is_not_there", number), denied(state, number, node, rules)
        if node.unacknowledged:
            turn = node.unacknowledged[0]
            offset = offset_of(state.log, turn.record.announcement, turn.record.index)
            if offset >= 0:
                yield from acknowledged(state, number, node, offset, rules, bounds)
            yield from failed(state, number, node, rules, bounds)
        yield from flushed(state, number, node, rules)


def decided(state: State, number: int, node: Node, command: int, rules: Rules) -> State:
    """A command becomes an event, and the event a record on its way."""
    place = len(node.overlay) + 1
    record = Record(node.announcement, node.epoch, node.next_index, command, place)
    release = Release(command, place)
    state = appended(state, number, node, Turn(record, (release,)))
    return state if rules.reply_waits_for_acknowledgement else released(state, (release,))


def shown(state: State, number: int, node: Node, rules: Rules) -> State:
    """A client sees what is in the tables: with the newest record that this could be from."""
    state = state._replace(reads=state.reads + 1)
    return joined(state, number, node, Release(0, len(node.overlay)), rules)


def denied(state: State, number: int, node: Node, rules: Rules) -> State:
    """A client asks for what is not in the tables: only a record that was sent later shows that they are not old."""
    state = state._replace(reads=state.reads + 1)
    answer = Release(0, len(node.overlay), state.length_told)
    if not node.unacknowledged and not rules.negative_answer_waits_for_heartbeat:
        return released(state, (answer,))
    if node.unacknowledged and not rules.negative_answer_waits_for_a_later_record:
        return joined(state, number, node, answer, rules)
    heartbeat = Record(node.announcement, node.epoch, node.next_index)
    return appended(state, number, node, Turn(heartbeat, (answer,)))


def joined(state: State, number: int, node: Node, answer: Release, rules: Rules) -> State:
    """An answer shares the fate of the newest record under way."""
    if not node.unacknowledged or not rules.read_waits_for_what_it_could_have_read:
        return released(state, (answer,))
    newest = node.unacknowledged[-1]
    newest = newest._replace(releases=(*newest.releases, answer))
    node = node._replace(unacknowledged=(*node.unacknowledged[:-1], newest))
    return state._replace(nodes=with_node(state, number, node))


def appended(state: State, number: int, node: Node, turn: Turn) -> State:
    record = turn.record
    overlay = placed(node.overlay, record.command, record.place) if record.place else node.overlay
    node = node._replace(overlay=overlay, next_index=record.index + 1, unacknowledged=(*node.unacknowledged, turn))
    wire = tuple(sorted((*state.wire, record)))
    return state._replace(nodes=with_node(state, number, node), wire=wire)


def acknowledged(
    state: State, number: int, node: Node, offset: int, rules: Rules, bounds: Bounds
) -> Iterator[tuple[Step, State]]:
    """The leader hears of its oldest record. At another offset than its own it counts as an error."""
    turn = node.unacknowledged[0]
    expected = node.announced_at + turn.record.index
    if offset != expected and rules.record_is_acknowledged_at_its_offset:
        return  # the same as an error, which may come at any time
    tables = node.reader.tables
    if turn.record.place:
        tables = placed(tables, turn.record.command, turn.record.place)
    reader = node.reader._replace(
        tables=tables, next_offset=offset + 1, applied=offset, next_index=turn.record.index + 1
    )
    node = node._replace(reader=reader, unacknowledged=node.unacknowledged[1:])
    after = state._replace(nodes=with_node(state, number, node))
    yield ("hears_of_its_record", number, f"at offset {offset}"), released(after, turn.releases)


def failed(state: State, number: int, node: Node, rules: Rules, bounds: Bounds) -> Iterator[tuple[Step, State]]:
    """The leader hears an error, or another offset than it must be: the fate of all that is under way is unknown."""
    step: Step = ("hears_an_error", number)
    turns = node.unacknowledged
    commands = tuple(turn.record.command for turn in turns if turn.record.command)
    if not rules.error_is_never_a_no:
        node = node._replace(unacknowledged=(), overlay=node.reader.tables, queue=node.queue + commands)
        yield step, state._replace(nodes=with_node(state, number, node))
    elif not rules.error_ends_the_term:
        node = node._replace(unacknowledged=turns[1:])
        yield step, state._replace(nodes=with_node(state, number, node))
    elif not rules.error_is_followed_by_new_announcement:
        reader = read(node.reader, state.log, len(state.log), rules)
        again = tuple(command for command in commands if command not in reader.tables)
        node = node._replace(
            reader=reader,
            overlay=reader.tables,
            next_index=reader.next_index,
            unacknowledged=(),
            queue=node.queue + again,
        )
        yield step, state._replace(nodes=with_node(state, number, node))
    elif state.announcements < bounds.announcements:
        yield step, announced(state, number, node, rules)


def flushed(state: State, number: int, node: Node, rules: Rules) -> Iterator[tuple[Step, State]]:
    """Rows and position are written to the node's own store in one batch."""
    stored = node.reader
    if not rules.store_holds_only_acknowledged_rows:
        stored = stored._replace(tables=node.overlay)
    if not rules.position_is_written_with_rows:
        stored = stored._replace(tables=node.stored.tables)
    if stored != node.stored:
        yield ("stores", number), state._replace(nodes=with_node(state, number, node._replace(stored=stored)))


def log_steps(state: State, rules: Rules, bounds: Bounds) -> Iterator[tuple[Step, State]]:
    """What happens to records under way: in order for each term, unless they are lost; late, or twice."""
    before: Record | None = None
    for at, record in enumerate(state.wire):
        first = before is None or before.announcement != record.announcement
        last = at + 1 == len(state.wire) or state.wire[at + 1].announcement != record.announcement
        before = record
        rest = state.wire[:at] + state.wire[at + 1 :]
        name = f"record {record.index} of announcement {record.announcement}"
        if first and record.announcement != state.cut_off:
            log = (*state.log, record)
            yield ("lands", name), state._replace(log=log, wire=rest)
            if state.doubles < bounds.doubles:
                yield ("lands_and_will_again", name), state._replace(log=log, doubles=state.doubles + 1)
        if not last:  # a record that never lands, with no other behind it, is as good as lost
            yield ("is_lost", name), state._replace(wire=rest)
    if state.log and state.lost_tails < bounds.lost_tails:
        yield (
            ("log_loses_its_last_record",),
            state._replace(
                log=state.log[:-1],
                lost_tails=state.lost_tails + 1,
                announcements_at_loss=state.announcements,
                cut_off=state.log[-1].announcement,
            ),
        )
