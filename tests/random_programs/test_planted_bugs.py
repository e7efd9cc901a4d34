"""The random programs find bugs: classic ones are planted, and each is found within one batch."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import Phase, seed, settings
from program_runs import BATCHES, check_programs, drawn

from odradek.driver.attempt import Attempt
from odradek.driver.run_block import RunBlock
from odradek.protocol.messages import ProposeRunCompletionAck
from odradek.testing import Stuck
from odradek_engine.model.commands import ReceiveMessage
from odradek_engine.model.effects import AcknowledgeMessage
from odradek_engine.model.events import MessageTaken
from odradek_engine.partition import machine
from odradek_engine.partition.decide.decision import Decision
from odradek_engine.replica.fence import Fence
from odradek_engine.replica.leader import Leader
from odradek_engine.replica.processor import Processor
from odradek_engine.replica.record import JournalRecord
from odradek_engine.replica.recovery import PartitionHalted
from odradek_engine.replica.release import Release

FOUND = (AssertionError, Stuck, PartitionHalted)
Plant = Callable[[pytest.MonkeyPatch], None]


def messages_are_taken_twice(patch: pytest.MonkeyPatch) -> None:
    def take_any(d: Decision, command: ReceiveMessage) -> None:
        d.emit(MessageTaken(command.sender, command.sequence))
        d.effect(AcknowledgeMessage(command.sender, command.sequence))
        d.no_more_answers()
        d.follow_ups.append(command.command)

    patch.setattr(machine, "_DECIDE", {**machine._DECIDE, ReceiveMessage: take_any})


def void_records_count(patch: pytest.MonkeyPatch) -> None:
    def admit(fence: Fence, record: JournalRecord) -> Fence | None:
        if record.index == 0:
            return Fence(record.announcement, record.epoch, 1) if record.epoch > fence.epoch else None
        return Fence(fence.announcement, fence.epoch, fence.next_index + 1)

    patch.setattr(Fence, "admit", admit)


def effects_leave_before_their_record_is_durable(patch: pytest.MonkeyPatch) -> None:
    append = Leader._append

    def append_and_release(leader: Leader, turn: Any, *arguments: Any) -> None:
        append(leader, turn, *arguments)
        leader._release(turn)
        turn.releases.clear()

    patch.setattr(Leader, "_append", append_and_release)


def results_are_relied_on_before_they_are_durable(patch: pytest.MonkeyPatch) -> None:
    propose = Attempt.propose

    def propose_and_go_on(attempt: Attempt, block: RunBlock, *result: Any) -> None:
        propose(attempt, block, *result)
        attempt._loop.call_soon(attempt.deliver, (ProposeRunCompletionAck(block.number),))

    patch.setattr(Attempt, "propose", propose_and_go_on)


def commands_of_a_broken_term_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    settle = Processor._settle

    def settle_nothing_else(processor: Processor, unsettled: Any, durable: int) -> None:
        settle(processor, [turn for turn in unsettled if turn.index <= durable], durable)

    patch.setattr(Processor, "_settle", settle_nothing_else)


def answers_of_a_broken_term_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Release, "carry_out_answers", lambda *_: None)


@pytest.mark.parametrize(
    "plant",
    [
        messages_are_taken_twice,
        void_records_count,
        effects_leave_before_their_record_is_durable,
        results_are_relied_on_before_they_are_durable,
        commands_of_a_broken_term_are_forgotten,
        answers_of_a_broken_term_are_forgotten,
    ],
    ids=lambda plant: plant.__name__.replace("_", " "),
)
def test_a_planted_bug_is_found(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.root, "disabled", True)
    plant(monkeypatch)
    run_batch = settings(BATCHES, phases=[Phase.generate])(drawn(check_programs))
    with pytest.raises(FOUND):
        seed(0)(run_batch)()
