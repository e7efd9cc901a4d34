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
ANSWER_SECONDS: Final = 3.0
"""How long the registry may take to answer."""

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
        """By partition; for one that is read at least where reading began."""

    def start_of(self, partition: int, group_offset: int = -1) -> int:
        """Where a source partition is to be read from: behind all that is known to be taken.

        `group_offset`: what the consumer group has committed, below 0 for nothing. Where nobody has committed, that
        is where the subscription began; at the begin in a partition that is younger than the subscription.
        """
        known = self._committed.get(partition)
        if known is None and group_offset < 0:
            known = self._subscription.start_offsets.get(partition, 0)
        start = group_offset if known is None else max(known, group_offset)
        self._committed[partition] = start
        return start

    async def keep_committing(self, intakes: Callable[[], Iterable[Intake]]) -> None:
        """Runs until cancelled."""
        while True:
            await asyncio.sleep(COMMIT_SECONDS)
            for intake in list(intakes()):
                await self.commit(intake)

    async def commit(self, intake: Intake) -> None:
        """Commits an intake's offset, if it has moved."""
        offset = intake.committable
        if offset <= self._committed[intake.partition]:
            return
        subscription = self._subscription
        command = CommitSource(subscription.id, subscription.topic_id, intake.partition, offset)
        try:
            outcome = await asyncio.wait_for(self._gateway.ask_registry(command), ANSWER_SECONDS)
        except (Overloaded, TimeoutError):
            self._health.trouble("commits", "the registry does not answer in time; reading goes on")
            return
        if isinstance(outcome, Done):
            self._committed[intake.partition] = max(offset, self._committed[intake.partition])
            self._health.well("commits")
        else:
            self._health.trouble("commits", f"offset {offset} of partition {intake.partition}: {outcome}")
