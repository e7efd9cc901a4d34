"""The model of checkpoints and rebuilds: its invariants, bounds and planted bugs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from checkpoint_rebuilds import OUTLIVES, rebuild_steps
from checkpoint_state import (
    ABORTED,
    OPEN,
    Bounds,
    Node,
    Rules,
    State,
    applied,
    newest_mark,
    rows_of,
    tables_at,
    visible,
)
from checkpoint_writes import leader_steps
from model_part import Part, PlantedBug
from state_search import Step

SERVED = "tables that are served are those of the journal"
RECOVERABLE = "tables can be rebuilt when all disks are lost"


@dataclass(frozen=True)
class CheckpointPart:
    """Nodes that checkpoint and rebuild one partition."""

    rules: Rules
    bounds: Bounds

    def initial(self) -> State:
        return State(tuple(Node() for _ in range(self.bounds.nodes)))

    def steps(self, state: State) -> Iterator[tuple[Step, State]]:
        yield from leader_steps(state, self.rules, self.bounds)
        yield from rebuild_steps(state, self.rules, self.bounds)

    def canonical(self, state: State) -> State:
        return state._replace(nodes=tuple(sorted(state.nodes)))

    def broken(self, state: State) -> str | None:
        if state.complaint:
            return state.complaint
        for node in state.nodes:
            if not node.rebuild and node.tables != tables_at(state, node.position, self.rules):
                return SERVED
        return None if self._recoverable(state) else RECOVERABLE

    def _recoverable(self, state: State) -> bool:
        """What a rebuild would make of the topics and the journal if everything stopped now."""
        settled = tuple(ABORTED if each == OPEN else each for each in state.transactions)
        state = state._replace(transactions=settled)
        mark = newest_mark(state)
        tables: tuple[int, ...] = (0, 0)
        for topic in (0, 1):
            tables = rows_of(visible(state, topic, len(state.topics[topic])), tables)
        for event in state.journal[max(mark.offset, state.begin) :]:
            tables = applied(tables, event, self.rules)
        if state.begin > mark.offset and self.rules.journal_must_begin_at_mark:
            return False
        return tables == tables_at(state, len(state.journal), self.rules)


SMALL = Bounds(rows=1, records=1, time_outs=0)
ONE_LEADER = Bounds(rows=1, time_outs=0)
TWO_LEADERS = Bounds(rows=1, leaders=2, lost_disks=0, time_outs=0)
PARTS = Bounds(records=1, parts=1, time_outs=0)
REMOVALS = Bounds(rows=1, leaders=2, removals=1, lost_disks=0, time_outs=0)
HANGING = Bounds(rows=1, records=1, leaders=2, time_outs=0, hanging=1)
THREE_CHECKPOINTS = Bounds(rows=1, leaders=2, checkpoints=3, lost_disks=0, time_outs=0)

CHECKPOINTS = Part(
    name="checkpoints and rebuilds",
    model=CheckpointPart,
    rules=Rules(),
    quick=(SMALL, TWO_LEADERS, PARTS, REMOVALS),
    full=(
        ONE_LEADER,
        HANGING,
        THREE_CHECKPOINTS,
        Bounds(),
        Bounds(parts=1, time_outs=0),
        Bounds(leaders=2, lost_disks=0),
        Bounds(rows=1, leaders=2),
        Bounds(rows=1, leaders=2, checkpoints=3, time_outs=0),
        Bounds(nodes=3, rows=1, records=1, leaders=2, time_outs=0),
    ),
    planted=(
        PlantedBug("producer_is_fresh_and_fences", TWO_LEADERS, RECOVERABLE),
        PlantedBug("newest_mark_is_read_behind_init", THREE_CHECKPOINTS, RECOVERABLE),
        PlantedBug("checkpoint_stops_at_newer_mark", SMALL, OUTLIVES),
        PlantedBug("first_checkpoint_covers_all_since_newest_mark", TWO_LEADERS, RECOVERABLE),
        PlantedBug("rows_and_mark_are_of_one_snapshot", SMALL, RECOVERABLE),
        PlantedBug("removed_rows_are_removed_there", REMOVALS, RECOVERABLE),
        PlantedBug("mark_is_written_last", PARTS, RECOVERABLE),
        PlantedBug("mark_is_read_back_before_deleting", SMALL, RECOVERABLE),
        PlantedBug("journal_is_kept_from_previous_mark", SMALL, OUTLIVES),
        PlantedBug("mark_is_read_before_rows", SMALL, SERVED),
        PlantedBug("watermarks_are_taken_behind_mark", SMALL, SERVED),
        PlantedBug("rows_are_read_to_high_watermark", HANGING, SERVED),
        PlantedBug("journal_must_begin_at_mark", ONE_LEADER, SERVED),
        PlantedBug("nothing_is_served_before_what_was_met", SMALL, SERVED),
        PlantedBug("rows_may_be_newer_than_any_mark_met", SMALL, SERVED),
        PlantedBug("events_carry_values", SMALL, SERVED),
    ),
)
