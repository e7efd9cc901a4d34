"""Bugs in a leader's term: what leaves it too early, and what it makes of a term that breaks."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from odradek_engine.model import effects as x
from odradek_engine.partition.tables import Tables
from odradek_engine.replica import processor as processing
from odradek_engine.replica.leader import Leader
from odradek_engine.replica.processor import Processor
from odradek_engine.replica.release import Release
from simulation.mutants.plant import Mutant, Plant


def _released_early(plant: Plant, kinds: tuple[type, ...]) -> None:
    def early(append: Any) -> Any:
        def append_and_release(leader: Any, turn: Any, *arguments: Any) -> None:
            append(leader, turn, *arguments)
            now = [([e for e in effects if isinstance(e, kinds)], asker) for effects, asker in turn.releases]
            later = [([e for e in effects if not isinstance(e, kinds)], asker) for effects, asker in turn.releases]
            turn.releases[:] = later
            for effects, asker in now:
                leader._owner.release(effects, asker)

        return append_and_release

    plant.around(Leader, "_append", early)


def replies_before_acknowledgement(plant: Plant) -> None:
    _released_early(plant, (x.Answer, x.InvocationEnded))


def handlers_started_before_acknowledgement(plant: Plant) -> None:
    _released_early(plant, (x.StartAttempt,))


def deliveries_before_acknowledgement(plant: Plant) -> None:
    _released_early(plant, (x.Deliver,))


def messages_sent_before_acknowledgement(plant: Plant) -> None:
    _released_early(plant, (x.SendMessage,))


def messages_acknowledged_before_durable(plant: Plant) -> None:
    _released_early(plant, (x.AcknowledgeMessage,))


def rows_stored_before_acknowledgement(plant: Plant) -> None:
    def early(append: Any) -> Any:
        def append_and_store(leader: Any, turn: Any, *arguments: Any) -> None:
            append(leader, turn, *arguments)
            leader._owner.pending.add(turn.changes)
            leader._owner.acknowledged()

        return append_and_store

    plant.around(Leader, "_append", early)


def offsets_not_checked(plant: Plant) -> None:
    def lenient(acknowledged: Any) -> Any:
        def at_any_offset(leader: Any, offset: int) -> None:
            if leader._in_flight:
                offset = leader.term.announced_at + leader._in_flight[0].index
            acknowledged(leader, offset)

        return at_any_offset

    plant.around(Leader, "acknowledged", lenient)


def errors_taken_as_a_no(plant: Plant) -> None:
    plant.around(Processor, "_settle", lambda settle: lambda processor, turns, _durable: settle(processor, turns, -1))


def errors_taken_as_a_yes(plant: Plant) -> None:
    plant.around(
        Processor, "_settle", lambda settle: lambda processor, turns, _durable: settle(processor, turns, 10**9)
    )


def commands_of_a_broken_term_forgotten(plant: Plant) -> None:
    def forgetful(settle: Any) -> Any:
        return lambda one, turns, durable: settle(one, [turn for turn in turns if turn.index <= durable], durable)

    plant.around(Processor, "_settle", forgetful)


def answers_of_a_broken_term_forgotten(plant: Plant) -> None:
    plant.put(Release, "carry_out_answers", lambda *_: None)


def waiters_of_a_broken_term_forgotten(plant: Plant) -> None:
    def forget(release: Any) -> list[Any]:
        release._waiters.clear()
        return []

    plant.put(Release, "take_waiters", forget)


def handlers_of_a_broken_term_go_on(plant: Plant) -> None:
    def keep(lead_again: Any) -> Any:
        async def lead_again_beside_them(processor: Any) -> None:
            processor._fittings = replace(processor._fittings, abort_attempts=lambda _partition: None)
            await lead_again(processor)

        return lead_again_beside_them

    plant.around(Processor, "_lead_again", keep)


def words_of_a_broken_term_are_kept(plant: Plant) -> None:
    plant.put(processing, "OF_ONE_TERM", ())


def overlay_of_a_broken_term_kept(plant: Plant) -> None:
    def keep(lead_again: Any) -> Any:
        async def lead_again_over_it(processor: Any) -> None:
            tables, names = processor.tables, processing.__dict__
            names["Tables"] = lambda *_: tables
            try:
                await lead_again(processor)
            finally:
                names["Tables"] = Tables

        return lead_again_over_it

    plant.around(Processor, "_lead_again", keep)


def negative_answers_unconfirmed(plant: Plant) -> None:
    plant.put(Leader, "_must_confirm", lambda *_: False)


MUTANTS: Final[tuple[Mutant, ...]] = (
    replies_before_acknowledgement,
    handlers_started_before_acknowledgement,
    deliveries_before_acknowledgement,
    messages_sent_before_acknowledgement,
    messages_acknowledged_before_durable,
    rows_stored_before_acknowledgement,
    offsets_not_checked,
    errors_taken_as_a_no,
    errors_taken_as_a_yes,
    commands_of_a_broken_term_forgotten,
    answers_of_a_broken_term_forgotten,
    waiters_of_a_broken_term_forgotten,
    handlers_of_a_broken_term_go_on,
    words_of_a_broken_term_are_kept,
    overlay_of_a_broken_term_kept,
    negative_answers_unconfirmed,
)
