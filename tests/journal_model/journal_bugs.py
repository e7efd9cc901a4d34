"""How far the journal part is searched, and its planted bugs."""

from __future__ import annotations

from journal_invariants import DURABLE_READS, EQUAL, FRESH, IN_TURN, KEPT, ONCE
from journal_part import JournalPart
from journal_state import Bounds, Rules
from model_part import Part, PlantedBug

TWO_TERMS = Bounds(announcements=2, commands=2)
THREE_TERMS = Bounds(announcements=3, commands=2)
DOUBLES = Bounds(announcements=2, commands=2, doubles=1)
READS = Bounds(announcements=2, commands=2, reads=1)
LOST_TAIL = Bounds(announcements=3, commands=1, lost_tails=1)

JOURNAL = Part(
    name="one writer per journal",
    model=JournalPart,
    rules=Rules(),
    quick=(TWO_TERMS, DOUBLES, READS, LOST_TAIL, Bounds(nodes=3, announcements=3, commands=1)),
    full=(
        THREE_TERMS,
        Bounds(announcements=3, commands=2, doubles=1),
        Bounds(announcements=2, commands=2, reads=1, doubles=1),
        Bounds(announcements=3, commands=1, reads=1),
        Bounds(nodes=3, announcements=3, commands=2),
        Bounds(announcements=4, commands=1),
    ),
    planted=(
        PlantedBug("announcement_is_random", TWO_TERMS, KEPT),
        PlantedBug("announcement_raises_epoch", DOUBLES, IN_TURN),
        PlantedBug("record_is_of_current_announcement", THREE_TERMS, IN_TURN),
        PlantedBug("record_index_is_next", TWO_TERMS, IN_TURN),
        PlantedBug("leader_reads_up_to_its_announcement", TWO_TERMS, KEPT),
        PlantedBug("leader_serves_only_if_announcement_counts", TWO_TERMS, KEPT),
        PlantedBug("record_is_acknowledged_at_its_offset", TWO_TERMS, KEPT),
        PlantedBug("error_is_never_a_no", TWO_TERMS, KEPT),
        PlantedBug("error_ends_the_term", TWO_TERMS, EQUAL),
        PlantedBug("error_is_followed_by_new_announcement", TWO_TERMS, KEPT),
        PlantedBug("found_records_count_as_acknowledged", TWO_TERMS, ONCE),
        PlantedBug("rest_of_overlay_is_dropped", TWO_TERMS, IN_TURN),
        PlantedBug("reply_waits_for_acknowledgement", TWO_TERMS, KEPT),
        PlantedBug("read_waits_for_what_it_could_have_read", READS, DURABLE_READS),
        PlantedBug("negative_answer_waits_for_heartbeat", READS, FRESH),
        PlantedBug("negative_answer_waits_for_a_later_record", READS, FRESH),
        PlantedBug("store_holds_only_acknowledged_rows", TWO_TERMS, EQUAL),
        PlantedBug("position_is_written_with_rows", TWO_TERMS, EQUAL),
        PlantedBug("applied_record_is_compared", LOST_TAIL, EQUAL),
        PlantedBug("applied_record_is_compared_behind_announcement", LOST_TAIL, EQUAL),
    ),
)
