"""What all sources share: what a source is, and when its topic is not the one that was subscribed to."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Final, Protocol

from odradek_connectors.intake import Intake
from odradek_connectors.progress import Progress
from odradek_connectors.reports import Health
from odradek_engine.log.port import LogError, LogUnavailable, TopicInfo
from odradek_engine.model.rows import Subscription

DRAIN_SECONDS: Final = 5.0
"""How long a source that stops waits for what it has sent; the rest is sent again by whoever reads on."""

LAG_SECONDS: Final = 3.0
"""How long a source may take to say where it ends."""


class SourceFailure(LogError):
    """A source cannot be read now. The text says which, why, and what to do."""


class Source(Protocol):
    """The partitions of a subscription's topic, as far as this node reads them."""

    async def run(self) -> None:
        """Reads until cancelled, or raises what makes the topic unreadable."""

    async def close(self) -> None:
        """After `run` has ended: lets what was sent be taken, and commits it. Takes little more than
        `DRAIN_SECONDS`."""

    async def lag(self) -> Mapping[int, tuple[int, int]]:
        """By source partition: the next offset to take, and the end offset."""


def check_topic(subscription: Subscription, topic: TopicInfo) -> None:
    """Raises `SourceFailure` where the topic is another one than when the subscription was made."""
    if topic.id != subscription.topic_id:
        raise SourceFailure(
            f"topic {topic.name} was deleted and created again (its id is {topic.id}, it was {subscription.topic_id}): "
            "nothing of it is read; delete the subscription and create it again to read the new topic"
        )


def skip_deleted(intake: Intake, begin: int, end: int, health: Health) -> None:
    """Goes on where the source now begins, if it has deleted what comes next. Raises `SourceFailure` where it has
    lost its end instead."""
    position = intake.position
    if position < begin:
        health.lost(
            begin - position,
            f"partition {intake.partition}: the source has deleted the offsets {position} to {begin - 1} before they "
            f"were read (its retention is too short for this subscription); reading goes on at {begin}",
        )
        intake.reached(begin)
    elif position > end:
        raise SourceFailure(
            f"it ends at {end}, but was read up to {position} before: the source has lost records; new ones below "
            f"{position} would count as repeats. Delete the subscription and create it again"
        )


async def lag_of(
    intakes: Iterable[Intake], end_offset: Callable[[int], Coroutine[None, None, int]]
) -> Mapping[int, tuple[int, int]]:
    """By source partition: the next offset to take, and the end offset. Raises `LogUnavailable` where the source does
    not answer."""
    intakes = list(intakes)
    try:
        ends = await asyncio.wait_for(asyncio.gather(*(end_offset(each.partition) for each in intakes)), LAG_SECONDS)
    except TimeoutError:
        raise LogUnavailable(f"no answer within {LAG_SECONDS:.0f} s") from None
    return {intake.partition: (intake.committable, end) for intake, end in zip(intakes, ends, strict=True)}


async def finish(intakes: Iterable[Intake], progress: Progress) -> None:
    """Sends nothing more, waits for what was sent, and commits it."""
    intakes = list(intakes)
    for intake in intakes:
        intake.close()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            await asyncio.gather(*(intake.drain() for intake in intakes))
    await asyncio.gather(*(progress.commit(intake) for intake in intakes))
