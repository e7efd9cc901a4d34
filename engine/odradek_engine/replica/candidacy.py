"""Who should lead a journal. Only liveness rests on it: whoever is proposed, one leader's records count at a time."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

from odradek_engine.gateway import Clock
from odradek_engine.replica.recovery import Deposed, Journal, Replay

ALIVE_MS: Final = 5_000
"""A journal with a record of another node that young has a leader, if more records come."""


class Candidacy(Protocol):
    """Proposes leaders."""

    async def proposed(self, journal: Journal, replay: Replay) -> None:
        """Returns when this node should announce itself; `replay` has read the journal to its end. Raises `Deposed`
        where another node should lead."""


class Silence:
    """Leaves a journal alone in which another node is alive; a silent one was left behind."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def proposed(self, journal: Journal, replay: Replay) -> None:
        """See `Candidacy`."""
        if replay.fence.announcement == replay.stored_announcement:
            return
        age_ms = self._clock.now_ms() - replay.last_time_ms
        if age_ms >= ALIVE_MS:
            return
        end = await journal.log.end_offset(journal.topic, journal.partition)
        await asyncio.sleep((ALIVE_MS - max(0, age_ms)) / 1000)
        if await journal.log.end_offset(journal.topic, journal.partition) > end:
            raise Deposed(
                f"another node of cluster '{journal.cluster}' is alive and leads {journal.topic}/"
                f"{journal.partition}: stop it first, or give this node another cluster-name"
            )
