"""Carries out effects, once the record that caused them is durable. The one place where anything leaves a partition."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from odradek_engine.gateway import Reply
from odradek_engine.model import effects as x
from odradek_engine.model.commands import PartitionMessage
from odradek_engine.model.outcomes import Ended
from odradek_engine.model.rows import Timer
from odradek_engine.replica.submission import Submission

_ANSWERS: Final = (x.Answer, x.AwaitResult, x.DropWaiter, x.InvocationEnded, x.AcknowledgeMessage, x.RegistryChanged)


class Attempts(Protocol):
    """Who runs handlers."""

    def start(self, partition: int, effect: x.StartAttempt) -> None:
        """Opens an attempt, now or when a slot is free."""

    def deliver(self, invocation: bytes, effect: x.Deliver) -> None:
        """Hands messages to a live attempt."""

    def end(self, invocation: bytes, attempt: int) -> None:
        """Aborts an attempt that is still alive."""


class Neighbours(Protocol):
    """The other partitions, and the node around this one."""

    def send_message(self, sender: int, target: int, sequence: int, message: PartitionMessage) -> None:
        """Hands a message to its target."""

    def acknowledge_message(self, target: int, sender: int, sequence: int) -> None:
        """Tells a sender that its messages up to `sequence` took effect."""

    def term_begun(self, partition: int) -> None:
        """A partition leads anew: what it was told before may be lost."""

    def registry_changed(self) -> None:
        """The registry is another one now."""


class Release:
    """The effects of one partition. Who waits for an invocation's result waits here."""

    def __init__(
        self, partition: int, attempts: Attempts, neighbours: Neighbours, arm: Callable[[Timer], None]
    ) -> None:
        self._partition = partition
        self._attempts = attempts
        self._neighbours = neighbours
        self._arm = arm
        self._waiters: dict[bytes, list[Reply]] = {}
        self.sent: dict[int, int] = {}
        """The newest message that was handed over, by target."""
        self._table: Mapping[type, Callable[[Any, Submission], None]] = {
            x.Answer: self._answer,
            x.AwaitResult: self._await_result,
            x.DropWaiter: self._drop_waiter,
            x.InvocationEnded: self._invocation_ended,
            x.StartAttempt: self._start_attempt,
            x.Deliver: self._deliver,
            x.EndAttempt: self._end_attempt,
            x.ArmTimer: self._arm_timer,
            x.SendMessage: self._send_message,
            x.AcknowledgeMessage: self._acknowledge_message,
            x.RegistryChanged: self._registry_changed,
        }

    def carry_out(self, effects: list[x.AnyEffect], submission: Submission) -> None:
        """All effects of one command."""
        table = self._table
        for effect in effects:
            table[type(effect)](effect, submission)

    def term_begun(self) -> None:
        """The others hear that this partition leads anew."""
        self._neighbours.term_begun(self._partition)

    def carry_out_answers(self, effects: list[x.AnyEffect], submission: Submission) -> None:
        """Only what tells somebody something: all else is begun anew by the next term."""
        for effect in effects:
            if isinstance(effect, _ANSWERS):
                self._table[type(effect)](effect, submission)

    def take_waiters(self) -> list[tuple[bytes, Reply]]:
        """All who wait; they must ask again."""
        waiters = [(invocation, reply) for invocation, replies in self._waiters.items() for reply in replies]
        self._waiters.clear()
        return waiters

    def _answer(self, effect: x.Answer, submission: Submission) -> None:
        if submission.reply is not None:
            submission.reply(effect.outcome)

    def _await_result(self, effect: x.AwaitResult, submission: Submission) -> None:
        if submission.reply is not None:
            self._waiters.setdefault(effect.invocation, []).append(submission.reply)

    def _drop_waiter(self, effect: x.DropWaiter, submission: Submission) -> None:
        waiters = self._waiters.get(effect.invocation, [])
        if submission.reply in waiters:
            waiters.remove(submission.reply)
            if not waiters:
                del self._waiters[effect.invocation]

    def _invocation_ended(self, effect: x.InvocationEnded, _submission: Submission) -> None:
        replies = self._waiters.pop(effect.invocation, None)
        if replies is None:
            return
        outcome = Ended(effect.invocation, effect.result, target=effect.target)
        for reply in replies:
            reply(outcome)

    def _start_attempt(self, effect: x.StartAttempt, _submission: Submission) -> None:
        self._attempts.start(self._partition, effect)

    def _deliver(self, effect: x.Deliver, _submission: Submission) -> None:
        self._attempts.deliver(effect.invocation, effect)

    def _end_attempt(self, effect: x.EndAttempt, _submission: Submission) -> None:
        self._attempts.end(effect.invocation, effect.attempt)

    def _arm_timer(self, effect: x.ArmTimer, _submission: Submission) -> None:
        self._arm(effect.timer)

    def _send_message(self, effect: x.SendMessage, _submission: Submission) -> None:
        self.sent[effect.target] = effect.sequence
        self._neighbours.send_message(self._partition, effect.target, effect.sequence, effect.message)

    def _acknowledge_message(self, effect: x.AcknowledgeMessage, _submission: Submission) -> None:
        self._neighbours.acknowledge_message(self._partition, effect.sender, effect.sequence)

    def _registry_changed(self, _effect: x.RegistryChanged, _submission: Submission) -> None:
        self._neighbours.registry_changed()
