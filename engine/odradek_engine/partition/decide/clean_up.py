"""`CleanUp`: forget what is kept too long, or does not fit; a bounded number at a time."""

from __future__ import annotations

from odradek_engine.model.commands import CleanUp
from odradek_engine.model.outcomes import Done, NotCompleted
from odradek_engine.partition import keys
from odradek_engine.partition.decide.decision import Decision
from odradek_engine.partition.decide.forgetting import forget_finished, forget_journal
from odradek_engine.partition.tables import RETAINED_BYTES


def decide(d: Decision, _command: CleanUp) -> None:
    """Answers `NotCompleted` when there is more to do. What expires first goes first, also when room is short."""
    limits = d.surroundings.limits
    batch = [key for key, _ in d.tables.expiry.rows(d.tables.expiry_from, limit=limits.cleanup_batch)]
    next_key = d.tables.expiry_from
    put_back: list[bytes] = []
    outcome = NotCompleted(b"") if len(batch) == limits.cleanup_batch else Done()
    for next_key in batch:
        too_large = (d.tables.counters.get(RETAINED_BYTES) or 0) > limits.retained_bytes
        if int.from_bytes(next_key[:8], "big") > d.now and not too_large:
            outcome = Done()
            break
        invocation = next_key[8:]
        completion = d.tables.completions.get(invocation)
        assert completion is not None
        if too_large or completion.expires_at <= d.now:
            forget_finished(d, invocation, completion)
        else:
            forget_journal(d, invocation, completion)
            put_back.append(keys.u64(completion.expires_at) + invocation)
    d.tables.expiry_from = min((next_key, *put_back))
    d.answer(outcome)
