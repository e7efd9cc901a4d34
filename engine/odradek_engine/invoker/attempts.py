"""Live attempts of a node, at most so many at once; the others wait for a free slot.

Frames of an attempt that is not the live one never become commands. A handler that says nothing for its inactivity
timeout is asked to suspend; one that does not within its abort timeout is aborted.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Protocol

from odradek.protocol.attempt import HandlerSide
from odradek.protocol.ids import format_invocation_id
from odradek.protocol.messages import End, Error, ErrorBehavior, HandlerMessage, Start, Suspension
from odradek_engine.gateway import Clock
from odradek_engine.invoker.port import AttemptSide, HandlerHost
from odradek_engine.invoker.slots import UNKNOWN, Slots, Waiting
from odradek_engine.model.commands import AnyCommand, BeginAttempt, FailAttempt, HandlerMessages
from odradek_engine.model.effects import Deliver, StartAttempt
from odradek_engine.model.registry import Schema
from odradek_engine.model.rows import AttemptFailure, random_seed

_log = logging.getLogger(__name__)

STRETCH_BYTES: Final = 1024 * 1024
"""A handler's stretch is cut into commands of about this size."""
_MESSAGE_BYTES: Final = 16
"""What a message takes beside its payload, about."""
UNTAKEN_BYTES_MAX: Final = 4 * 1024 * 1024
"""A handler that has sent so much which is not durable yet is heard no further until it is."""
_COUNTED_BYTES: Final = 16 * 1024
"""Smaller stretches are not worth counting."""
SILENCE_CHECK_SECONDS: Final = 0.5
_LAST: Final = (End, Suspension, Error)
_NO_TIMEOUT: Final = 60_000


class Submit(Protocol):
    """Where commands about attempts go."""

    def __call__(self, partition: int, command: AnyCommand, on_durable: Callable[[], None] | None = None) -> None:
        """Queues a command at a partition; `on_durable` is called once all that follows from it is durable."""


class LiveAttempt(AttemptSide):
    """One attempt under way, as its handler sees it."""

    __slots__ = (
        "_attempts",
        "attempt",
        "deployment",
        "handler",
        "invocation",
        "last_seen",
        "partition",
        "side",
        "suspending_since",
        "untaken_bytes",
        "waiting",
    )

    def __init__(self, attempts: Attempts, partition: int, effect: StartAttempt) -> None:
        self._attempts = attempts
        self.partition = partition
        self.invocation = effect.invocation.id
        self.attempt = effect.attempt
        self.deployment = effect.deployment
        self.handler = (effect.invocation.target.service, effect.invocation.target.handler)
        self.side: HandlerSide | None = None
        self.last_seen = attempts.clock.monotonic()
        self.suspending_since: float | None = None
        self.untaken_bytes = 0
        self.waiting: list[Callable[[], None]] = []
        """Who is told when more may be sent."""

    def when_taken(self, callback: Callable[[], None]) -> None:
        """See `AttemptSide`."""
        if self.untaken_bytes > UNTAKEN_BYTES_MAX:
            self.waiting.append(callback)
        else:
            callback()

    def taken(self, size: int) -> None:
        """So many bytes that it sent are durable."""
        self.untaken_bytes -= size
        if self.untaken_bytes <= UNTAKEN_BYTES_MAX:
            told, self.waiting = self.waiting, []
            for callback in told:
                callback()

    def send(self, messages: Sequence[HandlerMessage]) -> None:
        """Takes a stretch of the handler."""
        self._attempts.received(self, messages)

    def heard(self) -> None:
        """See `AttemptSide`."""
        self._attempts.heard(self)

    def fail(
        self, failure: AttemptFailure, delay_ms: int | None = None, behavior: ErrorBehavior = ErrorBehavior.RETRY
    ) -> None:
        """See `AttemptSide`."""
        self._attempts.failed(self, failure, delay_ms, behavior)


class Attempts:
    """All attempts of a node."""

    def __init__(
        self,
        clock: Clock,
        submit: Submit,
        schema: Callable[[], Schema],
        host_of: Callable[[StartAttempt], HandlerHost | None],
        limit: int,
        stretch_bytes: int = STRETCH_BYTES,
    ) -> None:
        self.clock = clock
        self._submit = submit
        self._schema = schema
        self._host_of = host_of
        self._slots = Slots(limit, lambda: len(schema().deployments))
        self._stretch_bytes = stretch_bytes
        self._live: dict[bytes, LiveAttempt] = {}
        self._begun = False
        self._granted: dict[bytes, tuple[str, Waiting]] = {}
        """Attempts that a slot is kept for, between `BeginAttempt` and their start, and under which deployment."""
        self._silence_check: asyncio.TimerHandle | None = None

    @property
    def live_count(self) -> int:
        """Attempts under way."""
        return len(self._live)

    @property
    def waiting_count(self) -> int:
        """Attempts that wait for a slot."""
        return self._slots.waiting_count

    def is_live(self, invocation: bytes) -> bool:
        """Whether an attempt of this invocation is under way."""
        return invocation in self._live

    # --- from the partitions ---

    def start(self, partition: int, effect: StartAttempt) -> None:
        """Opens an attempt, or has it wait for a slot."""
        invocation = effect.invocation.id
        live = self._live.get(invocation)
        if live is not None and live.attempt == effect.attempt:
            self._take_back(invocation)  # it stood in line twice, for an earlier invocation of its id as well
            return
        if self._may_open(invocation, effect.deployment):
            self._open(partition, effect)
        else:
            self._slots.wait(effect.deployment, Waiting(partition, invocation, effect.attempt))
            self._fill_slots()

    def queue(self, partition: int, invocation: bytes, attempt: int) -> None:
        """An attempt that a new leader has to begin."""
        self._slots.wait(UNKNOWN, Waiting(partition, invocation, attempt))
        self._fill_slots()

    def deliver(self, invocation: bytes, effect: Deliver) -> None:
        """Hands messages to a live attempt; one that waits for a slot finds them in its journal."""
        live = self._live.get(invocation)
        if live is not None and live.attempt == effect.attempt and live.side is not None:
            live.last_seen = self.clock.monotonic()
            live.side.deliver(effect.messages)

    def end(self, invocation: bytes, attempt: int) -> None:
        """Aborts an attempt if it is still the live one, or takes its slot back if it never began."""
        granted = self._granted.get(invocation)
        if granted is not None and granted[1].attempt == attempt:
            self._take_back(invocation)
            self._fill_slots()
        live = self._live.get(invocation)
        if live is not None and live.attempt == attempt:
            side = live.side
            self._close(live)
            if side is not None:
                side.abort()

    def abort_all(self, partition: int) -> None:
        """The partition's term is over."""
        self._slots.forget(partition)
        for invocation in [key for key, (_, one) in self._granted.items() if one.partition == partition]:
            self._take_back(invocation)
        for live in [one for one in self._live.values() if one.partition == partition]:
            self.end(live.invocation, live.attempt)
        self._fill_slots()

    # --- slots ---

    def begin(self) -> None:
        """Handlers may run from now on: until a node knows what is registered, every attempt waits in line."""
        self._begun = True
        self._fill_slots()

    def _may_open(self, invocation: bytes, deployment: str) -> bool:
        """Takes a slot, unless one is kept under the same deployment already."""
        granted = self._granted.get(invocation)
        if granted is not None and granted[0] == deployment:
            del self._granted[invocation]
            return True
        self._take_back(invocation)
        return self._begun and self._slots.take(deployment)

    def _take_back(self, invocation: bytes) -> None:
        """The slot that is kept for an attempt, if one is."""
        granted = self._granted.pop(invocation, None)
        if granted is not None:
            self._slots.give_back(granted[0])

    def _fill_slots(self) -> None:
        while self._begun and (found := self._slots.take_next()) is not None:
            _, waiting = found
            self._take_back(waiting.invocation)
            self._granted[waiting.invocation] = found
            self._submit(waiting.partition, BeginAttempt(waiting.invocation, waiting.attempt))

    # --- handlers ---

    def _open(self, partition: int, effect: StartAttempt) -> None:
        target = effect.invocation.target
        live = LiveAttempt(self, partition, effect)
        overtaken = self._live.get(live.invocation)
        if overtaken is not None:
            self.end(overtaken.invocation, overtaken.attempt)
        self._live[live.invocation] = live
        self._watch()
        try:
            host = self._host_of(effect)
            if host is None:
                self.end(live.invocation, live.attempt)
                failure = AttemptFailure(500, _no_host(effect), "RT0011")
                self._submit(partition, FailAttempt(live.invocation, live.attempt, failure))
                return
            live.side = host.start(target.service, target.handler, start_message(effect), effect.journal, live)
            if effect.deployment and self._timeout_ms(live, inactivity=True) == 0:
                self._ask_to_suspend(live)
        except Exception as error:
            _log.exception("cannot start %s", format_invocation_id(live.invocation))
            self.end(live.invocation, live.attempt)
            failure = AttemptFailure(500, f"the handler cannot be started: {error!r}", "RT0007")
            self._submit(partition, FailAttempt(live.invocation, live.attempt, failure))

    def heard(self, live: LiveAttempt) -> None:
        """A handler gave a sign of life."""
        if self._live.get(live.invocation) is live:
            live.last_seen = self.clock.monotonic()

    def failed(self, live: LiveAttempt, failure: AttemptFailure, delay_ms: int | None, behavior: ErrorBehavior) -> None:
        """What lies between here and the handler has failed."""
        if self._live.get(live.invocation) is live:
            self._close(live)
            self._submit(live.partition, FailAttempt(live.invocation, live.attempt, failure, delay_ms, behavior))

    def received(self, live: LiveAttempt, messages: Sequence[HandlerMessage]) -> None:
        """A stretch of a handler becomes commands, if the attempt is still the live one."""
        if self._live.get(live.invocation) is not live or not messages:
            return
        live.last_seen = self.clock.monotonic()
        if isinstance(messages[-1], _LAST):
            self._close(live)
        for stretch in _cut(messages, self._stretch_bytes):
            command = HandlerMessages(live.invocation, live.attempt, stretch)
            size = sum(map(_message_bytes, stretch))
            if size < _COUNTED_BYTES:
                self._submit(live.partition, command)
            else:
                live.untaken_bytes += size
                self._submit(live.partition, command, partial(live.taken, size))

    def _close(self, live: LiveAttempt) -> None:
        del self._live[live.invocation]
        live.side = None  # both sides know each other: left so, each attempt would wait for the cycle collector
        self._slots.give_back(live.deployment)
        self._fill_slots()

    def _watch(self) -> None:
        """Looks at the live attempts now and then, as long as there are any."""
        if self._silence_check is None:
            loop = asyncio.get_running_loop()
            self._silence_check = loop.call_later(SILENCE_CHECK_SECONDS, self._check_silence)

    def _check_silence(self) -> None:
        """Asks silent handlers to suspend, aborts those that do not."""
        self._silence_check = None
        if self._live:
            self._watch()
        now = self.clock.monotonic()
        for live in list(self._live.values()):
            if live.suspending_since is None:
                if now - live.last_seen < self._timeout_ms(live, inactivity=True) / 1000:
                    continue
                self._ask_to_suspend(live)
            elif now - max(live.last_seen, live.suspending_since) >= self._timeout_ms(live, inactivity=False) / 1000:
                self._abort(live)

    def _ask_to_suspend(self, live: LiveAttempt) -> None:
        live.suspending_since = self.clock.monotonic()
        if live.side is not None:
            live.side.close_input()

    def _abort(self, live: LiveAttempt) -> None:
        self.end(live.invocation, live.attempt)
        reason = "the handler did not suspend within its abort timeout"
        failure = AttemptFailure(500, reason, "RT0001")
        self._submit(live.partition, FailAttempt(live.invocation, live.attempt, failure))

    def _timeout_ms(self, live: LiveAttempt, *, inactivity: bool) -> int:
        handler = self._schema().handler(*live.handler)
        if handler is None:
            return _NO_TIMEOUT
        return handler.inactivity_timeout if inactivity else handler.abort_timeout


def _no_host(effect: StartAttempt) -> str:
    if effect.deployment:
        return f"there is no deployment '{effect.deployment}' for version {effect.protocol_version} of the protocol"
    return f"the service '{effect.invocation.target.service}' is not served by this node now"


def start_message(effect: StartAttempt) -> Start:
    """The first message of an attempt."""
    invocation = effect.invocation
    return Start(
        id=invocation.id,
        debug_id=format_invocation_id(invocation.id),
        known_entries=len(effect.journal),
        state_map=effect.state,
        partial_state=effect.partial_state,
        key=invocation.target.key,
        retry_count_since_last_stored_entry=effect.retries_since_stored_entry,
        duration_since_last_stored_entry=effect.since_last_stored_entry,
        random_seed=random_seed(invocation),
        idempotency_key=invocation.idempotency_key,
    )


def _cut(messages: Sequence[HandlerMessage], stretch_bytes: int) -> list[tuple[HandlerMessage, ...]]:
    if len(messages) == 1:
        return [tuple(messages)]
    stretches: list[tuple[HandlerMessage, ...]] = []
    stretch: list[HandlerMessage] = []
    size = 0
    for message in messages:
        size += _message_bytes(message)
        if size > stretch_bytes and stretch:
            stretches.append(tuple(stretch))
            stretch, size = [], _message_bytes(message)
        stretch.append(message)
    stretches.append(tuple(stretch))
    return stretches


def _message_bytes(message: HandlerMessage) -> int:
    payload = getattr(message, "value", None) or getattr(message, "parameter", None)
    return _MESSAGE_BYTES + (len(payload) if payload else 0)
