"""`CleanUp`: forget what is kept too long, or does not fit; a bounded number at a time."""

from __future__ import annotations

from odradek_engine.model.commands import CleanUp
from odradek_engine.model.outcomes import Done, NotCompleted
from odradek_engine.partition.decide.completing import forget, forget_journal
from odradek_engine.partition.decide.decision import Decision
from odradek_engine.partition.tables import RETAINED_BYTES


def decide(d: Decision, _command: CleanUp) -> None:
    """Answers `NotCompleted` when there is more to do. What expires first goes first, also when room is short."""
    limits = d.surroundings.limits
    batch = list(d.tables.expiry.rows(d.tables.expiry_from, limit=limits.cleanup_batch))
    for key, _ in batch:
        d.tables.expiry_from = key
        expires_at = int.from_bytes(key[:8], "big")
        invocation = key[8:]
        too_large = (d.tables.counters.get(RETAINED_BYTES) or 0) > limits.retained_bytes
        if expires_at > d.now and not too_large:
            d.answer(Done())
            return
        completion = d.tables.completions.get(invocation)
        assert completion is not None
        if too_large or completion.expires_at <= d.now:
            forget(d, invocation)
        else:
            forget_journal(d, invocation, completion)
    d.answer(NotCompleted(b"") if len(batch) == limits.cleanup_batch else Done())
