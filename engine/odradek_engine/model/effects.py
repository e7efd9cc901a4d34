"""What must happen outside a partition once a record is durable. Data; `replica.release` carries them out."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from odradek.protocol.messages import EngineMessage, Entry
from odradek_engine.model.commands import PartitionMessage
from odradek_engine.model.outcomes import AnyOutcome
from odradek_engine.model.rows import Invocation, Result, Timer
from odradek_engine.model.target import Target


class Effect(msgspec.Struct, frozen=True, gc=False):
    """Base of all effects."""


class Answer(Effect, frozen=True):
    """Tell who asked."""

    outcome: AnyOutcome


class AwaitResult(Effect, frozen=True):
    """Who asked gets the invocation's result when it ends."""

    invocation: bytes


class DropWaiter(Effect, frozen=True):
    """Who asked does not wait for the invocation's result any more."""

    invocation: bytes


class InvocationEnded(Effect, frozen=True):
    """All who wait for this invocation get its result."""

    invocation: bytes
    result: Result
    target: Target


class StartAttempt(Effect, frozen=True):
    """Run the handler against the journal and the state as they were when this was decided."""

    invocation: Invocation
    attempt: int
    journal: tuple[Entry, ...]
    state: dict[bytes, bytes]
    partial_state: bool
    retries_since_stored_entry: int
    since_last_stored_entry: int
    """ms"""
    deployment: str = ""
    """Where to run it; empty: in this process."""
    protocol_version: int = 0


class Deliver(Effect, frozen=True):
    """Hand messages to a live attempt, if it still is the current one."""

    invocation: bytes
    attempt: int
    messages: tuple[EngineMessage, ...]


class EndAttempt(Effect, frozen=True):
    """The attempt is over; if it is still alive it is aborted."""

    invocation: bytes
    attempt: int


class ArmTimer(Effect, frozen=True):
    """Wake the partition when a timer is due."""

    timer: Timer


class SendMessage(Effect, frozen=True):
    """Hand a message to another partition."""

    target: int
    sequence: int
    message: PartitionMessage


class AcknowledgeMessage(Effect, frozen=True):
    """Tell the sender that its message took effect, or did so before."""

    sender: int
    sequence: int


class RegistryChanged(Effect, frozen=True):
    """Deployments, Kafka clusters or subscriptions are others now."""


AnyEffect: TypeAlias = (
    Answer
    | AwaitResult
    | DropWaiter
    | InvocationEnded
    | StartAttempt
    | Deliver
    | EndAttempt
    | ArmTimer
    | SendMessage
    | AcknowledgeMessage
    | RegistryChanged
)
