"""Writes down how far a subscription's records are taken, now and then.

Where a source is read from after a restart rests on that: never beyond a record that was not taken. Writing it late
costs only that some records are sent again, and dropped as repeats.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeAlias

from odradek_connectors.intake import Intake
from odradek_connectors.reports import Health
from odradek_engine.gateway import Gateway, Overloaded
from odradek_engine.model.commands import CommitSource
from odradek_engine.model.outcomes import Done
from odradek_engine.model.rows import Subscription

COMMIT_SECONDS: Final = 0.5

CommittedOffsets: TypeAlias = Callable[[str, str], Mapping[int, int]]
"""Subscription id and topic id -> what was committed, by source partition: every record before it is taken."""


class Progress:
    """Commits the intakes of one subscription."""

    def __init__(
        self, gateway: Gateway, subscription: Subscription, committed: CommittedOffsets, health: Health
    ) -> None:
        self._gateway = gateway
        self._subscription = subscription
        self._health = health
        self._committed = dict(committed(subscription.id, subscription.topic_id))

    def start_of(self, partition: int) -> int:
        """Where a source partition is to be read from; one that is younger than the subscription from its begin."""
        committed = self._committed.get(partition)
        return self._subscription.start_offsets.get(partition, 0) if committed is None else committed

    async def keep_committing(self, intakes: Callable[[], Iterable[Intake]]) -> None:
        """Runs until cancelled."""
        while True:
            await asyncio.sleep(COMMIT_SECONDS)
            for intake in list(intakes()):
                await self.commit(intake)

    async def commit(self, intake: Intake) -> None:
        """Commits an intake's offset, if it has moved."""
        offset = intake.committable
        if offset <= self.start_of(intake.partition):
            return
        subscription = self._subscription
        command = CommitSource(subscription.id, subscription.topic_id, intake.partition, offset)
        try:
            outcome = await self._gateway.ask_registry(command)
        except Overloaded:
            return  # the next time is soon
        if isinstance(outcome, Done):
            self._committed[intake.partition] = offset
            self._health.well("commits")
        else:
            self._health.trouble("commits", f"offset {offset} of partition {intake.partition}: {outcome}")
