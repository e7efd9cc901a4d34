"""Bugs in the fence and in recovery: whose records count, and what a new term begins again."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from odradek_engine.replica.fence import Fence
from odradek_engine.replica.flusher import Flusher
from odradek_engine.replica.processor import Processor
from odradek_engine.replica.record import JournalRecord
from odradek_engine.replica.recovery import Replay
from odradek_engine.replica.timers import TimerQueue
from simulation.mutants.plant import Mutant, Plant


def epoch_check_dropped(plant: Plant) -> None:
    def lenient(admit: Any) -> Any:
        def admit_any_announcement(fence: Fence, record: JournalRecord) -> Fence | None:
            if record.index == 0:
                return Fence(record.announcement, record.epoch, 1)
            admitted: Fence | None = admit(fence, record)
            return admitted

        return admit_any_announcement

    plant.around(Fence, "admit", lenient)


def index_check_dropped(plant: Plant) -> None:
    def lenient(admit: Any) -> Any:
        def admit_any_index(fence: Fence, record: JournalRecord) -> Fence | None:
            if record.index and record.announcement == fence.announcement:
                return Fence(fence.announcement, fence.epoch, record.index + 1)
            admitted: Fence | None = admit(fence, record)
            return admitted

        return admit_any_index

    plant.around(Fence, "admit", lenient)


def announcement_check_dropped(plant: Plant) -> None:
    def lenient(admit: Any) -> Any:
        def admit_anybody(fence: Fence, record: JournalRecord) -> Fence | None:
            if record.index and record.index == fence.next_index:
                return Fence(fence.announcement, fence.epoch, record.index + 1)
            admitted: Fence | None = admit(fence, record)
            return admitted

        return admit_anybody

    plant.around(Fence, "admit", lenient)


def serves_on_a_void_announcement(plant: Plant) -> None:
    def credulous(take_over: Any) -> Any:
        async def take_over_in_any_case(processor: Any, replay: Any) -> None:
            drawn: list[bytes] = []
            surroundings = processor._surroundings

            def remember(count: int) -> bytes:
                drawn.append(surroundings.random_bytes(count))
                return drawn[-1]

            follow = replay.follow

            async def follow_and_believe(end: int) -> None:
                before = replay.fence.epoch
                await follow(end)
                replay.fence = Fence(processor._own + drawn[0], before + 1, 1)

            replay.follow = follow_and_believe
            processor._surroundings = replace(surroundings, random_bytes=remember)
            try:
                await take_over(processor, replay)
            finally:
                processor._surroundings = surroundings

        return take_over_in_any_case

    plant.around(Processor, "_take_over", credulous)


def tail_before_the_announcement_unread(plant: Plant) -> None:
    def hasty(take_over: Any) -> Any:
        async def take_over_unread(processor: Any, replay: Any) -> None:
            follow = replay.follow

            async def skip_to_the_announcement(end: int) -> None:
                replay.next_offset = max(replay.next_offset, end - 1)
                await follow(end)

            replay.follow = skip_to_the_announcement
            await take_over(processor, replay)

        return take_over_unread

    plant.around(Processor, "_take_over", hasty)


def position_stored_before_its_rows(plant: Plant) -> None:
    def apart(flush: Any) -> Any:
        def flush_apart(flusher: Any) -> None:
            store = flusher._store

            class Apart:
                def write(self, batch: Any) -> None:
                    store.write([change for change in batch if change[0] == "positions"])
                    store.write([change for change in batch if change[0] != "positions"])

            flusher._store = Apart()
            try:
                flush(flusher)
            finally:
                flusher._store = store

        return flush_apart

    plant.around(Flusher, "flush", apart)


def tail_counted_and_not_applied(plant: Plant) -> None:
    def forgetful(apply: Any) -> Any:
        def apply_all_but_one(replay: Any, records: Any) -> None:
            apply(replay, records)
            replay.applied = max(replay.applied, replay.next_offset - 1)

        return apply_all_but_one

    plant.around(Replay, "_apply", forgetful)


def attempts_not_begun_again(plant: Plant) -> None:
    def deaf(serve: Any) -> Any:
        def serve_without_them(processor: Any, leader: Any) -> None:
            fittings = processor._fittings
            processor._fittings = replace(fittings, queue_attempt=lambda *_: None)
            serve(processor, leader)
            processor._fittings = fittings

        return serve_without_them

    plant.around(Processor, "_serve", deaf)


def outbox_sent_again_backwards(plant: Plant) -> None:
    def backwards(serve: Any) -> Any:
        def serve_backwards(processor: Any, leader: Any) -> None:
            outbox = processor.tables.outbox
            rows = list(reversed(list(outbox.rows())))
            processor.tables.outbox = type("Reversed", (), {"rows": staticmethod(lambda: rows)})()
            serve(processor, leader)
            processor.tables.outbox = outbox

        return serve_backwards

    plant.around(Processor, "_serve", backwards)


def outbox_not_sent_again(plant: Plant) -> None:
    def silent(serve: Any) -> Any:
        def serve_and_send_nothing(processor: Any, leader: Any) -> None:
            outbox = processor.tables.outbox
            processor.tables.outbox = type("Empty", (), {"rows": staticmethod(list)})()
            serve(processor, leader)
            processor.tables.outbox = outbox

        return serve_and_send_nothing

    plant.around(Processor, "_serve", silent)


def timers_not_loaded(plant: Plant) -> None:
    plant.put(TimerQueue, "load", lambda queue: setattr(queue, "_horizon", 2**63))


MUTANTS: Final[tuple[Mutant, ...]] = (
    epoch_check_dropped,
    index_check_dropped,
    announcement_check_dropped,
    serves_on_a_void_announcement,
    tail_before_the_announcement_unread,
    position_stored_before_its_rows,
    tail_counted_and_not_applied,
    attempts_not_begun_again,
    outbox_not_sent_again,
    outbox_sent_again_backwards,
    timers_not_loaded,
)
