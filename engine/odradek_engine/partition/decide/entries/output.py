"""`Output`, `End`, `Suspension`, `Error`: how an attempt ends by its handler's word."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from odradek.protocol.messages import AwaitingOn, End, Error, ErrorBehavior, OutputCommand, Suspension
from odradek_engine.model.events import StatusChanged
from odradek_engine.model.rows import AttemptFailure, Phase, Result
from odradek_engine.partition.awaiting import AWAIT_DEPTH_MAX, is_empty, is_too_deep
from odradek_engine.partition.decide.completing import complete
from odradek_engine.partition.decide.failing import fail_attempt, pause
from odradek_engine.partition.decide.notifying import wake_if_resolved
from odradek_engine.partition.decide.stretch import AttemptBroken, Stretch

JOURNAL_MISMATCH: Final = 570
PROTOCOL_VIOLATION: Final = 571
_ERROR_CODES: Final = {JOURNAL_MISMATCH: "RT0016", PROTOCOL_VIOLATION: "RT0012"}


def output(stretch: Stretch, command: OutputCommand) -> None:
    """The result is remembered; the last one before the end counts."""
    stretch.append(command)


def end(stretch: Stretch, _message: End) -> None:
    """The invocation completes with the output that is in its journal."""
    command = stretch.summary.output
    if command is None:
        failure = AttemptFailure(PROTOCOL_VIOLATION, "the handler ended without an output", "RT0012")
        raise AttemptBroken(failure)
    stretch.over = True
    complete(stretch.d, stretch.invocation, stretch.status, Result(command.value, command.failure))


def awaiting_on(_stretch: Stretch, _message: AwaitingOn) -> None:
    """Says what a live attempt waits for; nothing follows from it."""


def suspension(stretch: Stretch, message: Suspension) -> None:
    """The handler is gone until what it waits for is there; it may be there already."""
    if is_too_deep(message.awaiting_on):
        stretch.flush_entries()
        stretch.over = True
        reason = f"what the handler awaits is nested more than {AWAIT_DEPTH_MAX} levels deep"
        pause(stretch.d, stretch.invocation.id, stretch.status, AttemptFailure(500, reason, "RT0025"))
        return
    if is_empty(message.awaiting_on):
        raise AttemptBroken(AttemptFailure(PROTOCOL_VIOLATION, "the handler suspended on nothing", "RT0012"))
    stretch.flush_entries()
    stretch.over = True
    status = replace(
        stretch.status, phase=Phase.SUSPENDED, modified_at=stretch.d.now, retry=None, awaiting=message.awaiting_on
    )
    stretch.d.emit(StatusChanged(stretch.invocation.id, status))
    wake_if_resolved(stretch.d, stretch.invocation.id, status)


def error(stretch: Stretch, message: Error) -> None:
    """The attempt failed."""
    stretch.flush_entries()
    stretch.over = True
    failure = AttemptFailure(
        message.code,
        message.message,
        _ERROR_CODES.get(message.code, "RT0007"),
        message.stacktrace,
        message.related_command_index,
        message.related_command_name,
        message.related_command_type,
    )
    behavior = message.behavior
    if message.code == JOURNAL_MISMATCH and stretch.d.schema.in_process(stretch.invocation.target.service):
        behavior = ErrorBehavior.PAUSE  # the code of this process cannot have changed back by the next attempt
    fail_attempt(stretch.d, stretch.invocation, stretch.status, failure, behavior, message.next_retry_delay)
