"""A command on which deciding failed: kept for people, and nobody is left waiting for it."""

from __future__ import annotations

from typing import Final

import msgspec

from odradek.protocol.messages import Failure
from odradek_engine.model.commands import (
    AnyCommand,
    AskResult,
    BeginAttempt,
    FailAttempt,
    HandlerMessages,
    Invoke,
    ReceiveMessage,
)
from odradek_engine.model.effects import AcknowledgeMessage, EndAttempt
from odradek_engine.model.events import CommandRejected, MessageTaken
from odradek_engine.model.outcomes import Refused
from odradek_engine.model.rows import AttemptFailure, Caller, Invocation, Result
from odradek_engine.partition.decide import fail_attempt
from odradek_engine.partition.decide.completing import answer_caller
from odradek_engine.partition.decide.decision import Decision
from odradek_engine.partition.tables import REJECTED_COUNT

REASON_LENGTH_MAX: Final = 10_000


def reject(d: Decision, command: AnyCommand, error: Exception) -> None:
    """Keeps the command, fails the attempt that it is of, answers the call that it begins."""
    reason = keep(d, command, error)
    if isinstance(command, HandlerMessages):
        failure = AttemptFailure(500, f"the engine cannot process the handler's messages: {reason}", "RT0006")
        fail_attempt.decide(d, FailAttempt(command.invocation, command.attempt, failure))
    elif isinstance(command, ReceiveMessage):
        result = Result(failure=Failure(500, f"the engine cannot process this call: {reason}"))
        match command.command:
            case Invoke(invocation=Invocation(id=callee, caller=Caller() as caller)):
                answer_caller(d, caller, callee, result)
            case AskResult(invocation=callee, caller=caller):
                answer_caller(d, caller, callee, result)


def keep(d: Decision, command: AnyCommand, error: Exception) -> str:
    """Keeps the command and lets what came with it go on, reading nothing of what it is about. Returns the reason."""
    reason = f"{type(error).__name__}: {error}"[:REASON_LENGTH_MAX].encode(errors="backslashreplace").decode()
    number = d.tables.counters.get(REJECTED_COUNT) or 0
    d.emit(CommandRejected(number, _raw(command), reason, d.now))
    if isinstance(command, ReceiveMessage):
        d.emit(MessageTaken(command.sender, command.sequence))
        d.effect(AcknowledgeMessage(command.sender, command.sequence))
    elif isinstance(command, HandlerMessages | BeginAttempt | FailAttempt):
        d.effect(EndAttempt(command.invocation, command.attempt))
    d.answer(Refused(500, f"the engine cannot process this request: {reason}"))
    return reason


def _raw(command: AnyCommand) -> bytes:
    """The command's bytes, or where it has none (a text that is no Unicode) what Python shows of it."""
    try:
        return msgspec.msgpack.encode(command)
    except Exception:
        return repr(command).encode(errors="backslashreplace")
