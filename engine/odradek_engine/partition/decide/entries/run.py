"""`Run` and `ProposeRunCompletion`: a step of the handler's own, and its result."""

from __future__ import annotations

from odradek.protocol.messages import (
    ProposeRunCompletion,
    ProposeRunCompletionAck,
    RunCommand,
    RunCompletion,
)
from odradek_engine.model.rows import AttemptFailure
from odradek_engine.partition.decide.stretch import AttemptBroken, Stretch


def run(stretch: Stretch, command: RunCommand) -> None:
    """Nothing happens until its result is proposed."""
    stretch.append(command)


def propose_run_completion(stretch: Stretch, message: ProposeRunCompletion) -> None:
    """The result becomes a journal entry; once that is durable the handler may rely on it."""
    completion_id = message.result_completion_id
    if not stretch.is_open_run(completion_id):
        if stretch.summary.arrived.has_completion(completion_id):
            return  # a result that is there already is not replaced
        reason = f"a result was proposed for completion {completion_id}, which no run block waits for"
        raise AttemptBroken(AttemptFailure(571, reason, "RT0012"))
    stretch.append(RunCompletion(completion_id, message.value, message.failure))
    stretch.deliver(ProposeRunCompletionAck(completion_id))
