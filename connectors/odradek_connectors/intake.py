"""Feeds the records of one source partition to the gateway.

Owns the window of what is under way. Nothing is skipped: what cannot be sent now (no room, no handler) or was not
taken (a broken chain) is sent again from here, so a source reads each record once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from odradek_connectors.backoff import Backoff
from odradek_connectors.entrance import Entrance, Waiting
from odradek_connectors.record_commands import RecordCommands, Refusal
from odradek_connectors.reports import Health
from odradek_connectors.window import Window, WindowLimits
from odradek_engine.gateway import Overloaded
from odradek_engine.log.port import Record
from odradek_engine.model.outcomes import Refused
from odradek_engine.model.registry import HandlerSchema
from odradek_engine.model.rows import Subscription

RECORDS_PER_PASS: Final = 64
"""So many records are sent before other work of the loop has its turn."""
OVERLOAD_PAUSE_SECONDS: Final = 0.01

_GAP: Final = 409
_TRY_AGAIN: Final = frozenset((_GAP, 429, 503))
"""Refusals that say nothing about the record itself."""


class Intake:
    """The way from one source partition into the engine. `start`: the first offset to read."""

    def __init__(
        self,
        entrance: Entrance,
        subscription: Subscription,
        partition: int,
        start: int,
        health: Health,
    ) -> None:
        self.partition = partition
        self._name = f"partition {partition}"
        self._entrance = entrance
        self._gateway = entrance.gateway
        self._subscription = subscription
        self._health = health
        self._commands = RecordCommands(subscription, partition, self._gateway.partitions)
        self._window = Window(start, self, WindowLimits())
        self._refusals: dict[int, Refusal] = {}
        self._backoff = Backoff()
        self._loop = asyncio.get_running_loop()
        self._next_try: asyncio.Handle | Waiting | None = None
        self._waiting: asyncio.Future[None] | None = None
        self._closed = False

    @property
    def position(self) -> int:
        """Where reading goes on."""
        return self._window.position

    @property
    def committable(self) -> int:
        """Every record before this offset is taken, durably."""
        return self._window.committable

    @property
    def room(self) -> int:
        """How many records to read next; at least one after `take` has returned."""
        return self._window.room

    async def take(self, records: Sequence[Record]) -> None:
        """Sends records on their way; returns when there is room for more."""
        self._window.add(records)
        if self._next_try is None:
            self._send()
        if self._window.room and self._window.next_unsent is None:
            await asyncio.sleep(0)
            return
        await self._changed()

    def reached(self, position: int) -> None:
        """No further record stands before `position`."""
        self._window.skip_to(position)

    def close(self) -> None:
        """Sends nothing more."""
        self._closed = True
        self._health.forget(self._name)
        self._cancel_next_try()
        self._window.drop_unsent()

    async def drain(self) -> None:
        """After `close`: returns when all that was sent is taken, or can not be."""
        while not self._window.empty and not self._window.is_broken:
            await self._changed()

    async def _changed(self) -> None:
        self._waiting = self._loop.create_future()
        try:
            await self._waiting
        finally:
            self._waiting = None

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def _cancel_next_try(self) -> None:
        if self._next_try is not None:
            self._next_try.cancel()
            self._next_try = None

    # --- sending ---

    def _send(self) -> None:
        """Sends what waits, as far as it goes now."""
        self._next_try = None
        window = self._window
        if self._closed or window.is_broken:
            return
        handler = self._gateway.schema.handler(self._subscription.service, self._subscription.handler)
        if handler is None:
            name = f"{self._subscription.service}/{self._subscription.handler}"
            self._health.trouble(self._name, f"the handler {name} is not registered; its records wait")
            self._next_try = self._loop.call_later(self._backoff.next(), self._send)
            return
        try:
            self._send_some(window, handler)
        except Overloaded:
            self._next_try = self._loop.call_later(OVERLOAD_PAUSE_SECONDS, self._send)
            return
        if window.is_broken:
            return
        if window.next_unsent is None:
            if window.room:
                self._wake()
        elif self._entrance.full:
            self._next_try = self._entrance.wait(self._send)
        else:
            self._next_try = self._loop.call_soon(self._send)

    def _send_some(self, window: Window, handler: HandlerSchema) -> None:
        now = self._gateway.clock.now_ms()
        entrance = self._entrance
        for _ in range(RECORDS_PER_PASS):
            slot = window.next_unsent
            if slot is None or window.is_broken or entrance.full:
                return
            refusal = self._refusals.get(slot.record.offset) if self._refusals else None
            target, command = self._commands.ingest(slot.record, handler, now, window.last_sent, refusal)
            entrance.enter()
            try:
                self._gateway.submit(command, slot)
            except Overloaded:
                entrance.leave()
                raise
            window.sent(target)

    # --- answers ---

    def answered(self) -> None:
        """See `WindowOwner`."""
        self._entrance.leave()

    def moved(self, count: int) -> None:
        """See `WindowOwner`."""
        self._health.counters.requests += count
        self._health.well(self._name)
        self._backoff.reset()
        if self._waiting is not None and (self._window.half_empty or self._window.empty):
            self._wake()

    def broken(self, record: Record, refused: Refused) -> None:
        """See `WindowOwner`: all that is under way is sent again, after a pause."""
        self._health.counters.broken_chains += 1
        self._health.trouble(self._name, f"the record at offset {record.offset} was refused: {refused.message}")
        if refused.code not in _TRY_AGAIN:
            before = self._refusals.get(record.offset)
            self._refusals[record.offset] = self._commands.refused(record, refused.message, before)
        self._cancel_next_try()
        if self._closed:
            self._wake()
        else:
            self._next_try = self._loop.call_later(self._backoff.next(), self._begin_again)

    def _begin_again(self) -> None:
        self._refusals = {at: why for at, why in self._refusals.items() if at >= self._window.committable}
        self._window.begin_again()
        self._send()
