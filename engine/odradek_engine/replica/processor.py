"""One partition on this node: recovers, leads, and when a term breaks recovers again.

Commands wait in one bounded queue over all terms. What a broken term had under way is settled from the journal:
records that count were durable, so who waits for them is told; the other commands are decided again. Attempts begin
anew from their journals in every term.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from odradek_engine.gateway import Overloaded, Reply
from odradek_engine.log.port import LogError, LogUnavailable, UnknownTopic
from odradek_engine.model import commands as c
from odradek_engine.model.effects import AnyEffect, SendMessage
from odradek_engine.model.rows import Phase, Timer
from odradek_engine.partition.decide.decision import Surroundings
from odradek_engine.partition.machine import Machine
from odradek_engine.partition.overlay import Changes, Pending
from odradek_engine.partition.tables import Tables
from odradek_engine.replica.announcement import Announcement, announcement_record
from odradek_engine.replica.candidacy import Candidacy
from odradek_engine.replica.flusher import Flusher
from odradek_engine.replica.leader import Conduct, Leader, Term, Turn
from odradek_engine.replica.position import Position, read_position
from odradek_engine.replica.record import FORMAT
from odradek_engine.replica.recovery import Deposed, Journal, Replay
from odradek_engine.replica.release import Release
from odradek_engine.replica.submission import OF_ONE_TERM, Submission
from odradek_engine.replica.timers import TimerQueue
from odradek_engine.store.port import StoreError, StoreReader

_log = logging.getLogger(__name__)

ANNOUNCE_AGAIN_SECONDS: Final = 0.5
"""Between tries to announce while the log cannot be reached."""
TIMERS_UNDER_WAY_MAX: Final = 1_000
"""So many due timers may be queued or in flight; the others follow as those take effect."""
TIMER_SLEEP_SECONDS_MAX: Final = 3_600.0
"""The wall clock is looked at again at least this often: it may have been set."""


class Fittings(msgspec.Struct, frozen=True):
    """What a node gives each of its partitions."""

    node: str
    candidacy: Candidacy
    store: StoreReader
    flusher: Flusher
    conduct: Conduct
    queue_length: int
    queue_attempt: Callable[[int, bytes, int], None]
    """An attempt that a new term finds running: partition, invocation, attempt."""
    abort_attempts: Callable[[int], None]
    """All attempts of a partition are void."""
    on_halt: Callable[[Exception], None]
    """The partition cannot go on; the node must stop."""


class Processor:
    """One partition, over all of its terms on this node."""

    def __init__(
        self,
        journal: Journal,
        surroundings: Surroundings,
        fittings: Fittings,
        make_release: Callable[[int, Callable[[Timer], None]], Release],
    ) -> None:
        self.partition = journal.partition
        self.queue: deque[Submission] = deque()
        self.pending = Pending()
        self.tables = Tables(self.partition, fittings.store)
        self.stored_offset = 0
        """The journal offset that the tables in the store have reached."""
        self._journal = journal
        self._surroundings = surroundings
        self._fittings = fittings
        self._release = make_release(self.partition, self._arm)
        self._timers = TimerQueue(self.tables.timers)
        self._timer: asyncio.TimerHandle | None = None
        self._firing = 0
        """Due timers that are under way."""
        self._replay: Replay | None = None
        self._leader: Leader | None = None
        self._task: asyncio.Task[None] | None = None
        self._first_term = True
        self._stopping = False
        self._own = surroundings.random_bytes(8)
        """What all announcements of this processor begin with."""
        self._last_indexes: dict[bytes, int] = {}
        """Of announcements met since the last term broke: the last index that counts."""

    # --- what others ask of it ---

    @property
    def leading(self) -> bool:
        """Whether commands are decided now."""
        return self._leader is not None

    def submit(self, command: c.AnyCommand, reply: Reply | None) -> None:
        """Queues an outsider's command; raises `Overloaded`."""
        if self._stopping:
            raise Overloaded("the node is stopping")
        if len(self.queue) >= self._fittings.queue_length:
            raise Overloaded(f"{len(self.queue)} commands wait in front of partition {self.partition}")
        self.submit_inner(command, reply)

    def submit_inner(
        self, command: c.AnyCommand, reply: Reply | None = None, on_durable: Callable[[], None] | None = None
    ) -> None:
        """Queues a command of the engine itself: its number is bounded by what it belongs to."""
        self.queue.append(Submission(command, reply, on_durable))
        if self._leader is not None:
            self._fittings.conduct.rounds.mark(self._leader)

    def position(self) -> Position:
        """The journal position that the pending rows reach."""
        leader = self._leader
        if leader is None:
            assert self._replay is not None
            return self._replay.position()
        fence = leader.fence()
        offset = leader.term.announced_at + leader.acknowledged_index
        journal = self._journal
        return Position(
            FORMAT,
            offset,
            offset,
            fence.announcement,
            fence.epoch,
            fence.next_index - 1,
            0,
            journal.cluster_id,
            journal.topic_id,
            journal.partitions,
        )

    def stored(self, position: Position) -> None:
        """The store has everything up to a position."""
        self.stored_offset = position.offset

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing is under way."""
        return not self.queue and (self._leader is None or self._leader.settled)

    def heartbeat(self, silence: float) -> None:
        """Keeps the journal from falling silent."""
        if self._leader is not None:
            self._leader.heartbeat(silence)

    def clean_up(self) -> None:
        """Forgets what need not be kept."""
        if self._leader is not None:
            self._leader.clean_up()

    # --- what its leader tells it ---

    def release(self, effects: list[AnyEffect], submission: Submission) -> None:
        """A record is durable; what one asker makes of its answer must not keep others from theirs."""
        try:
            self._release.carry_out(effects, submission)
        except StoreError as error:
            self.cannot_go_on(error)
        except Exception:
            _log.exception("partition %d: an effect of %s failed", self.partition, type(submission.command).__name__)

    def acknowledged(self) -> None:
        """Rows are pending."""
        self._fittings.flusher.add(self)

    def term_broken(self, error: LogError) -> None:
        """What became of the records under way must be read from the log."""
        _log.warning("partition %d: %s; announcing anew", self.partition, error)
        if not self._stopping:
            self._task = asyncio.get_running_loop().create_task(self._lead_again())

    def cannot_go_on(self, error: StoreError) -> None:
        """The tables cannot be read: the node must stop."""
        self._fittings.on_halt(error)

    # --- terms ---

    async def lead(self) -> None:
        """Becomes the leader; tries again while the log cannot be reached. Raises `PartitionHalted`, `Deposed`,
        `UnknownTopic`."""
        while not self._stopping:
            try:
                await self._try_to_lead()
            except UnknownTopic:
                raise
            except LogError as error:
                _log.warning("partition %d: %s", self.partition, error)
                await asyncio.sleep(ANNOUNCE_AGAIN_SECONDS)
            else:
                return

    async def _try_to_lead(self) -> None:
        self._fittings.flusher.flush()  # what an earlier try applied, with the position that it reached
        replay = self._replay = Replay(
            self._journal,
            self.tables,
            read_position(self._fittings.store, self.partition),
            self._applied,
            self._last_indexes,
        )
        await replay.check_stored()
        await replay.follow(await self._end())
        own = replay.fence.announcement.startswith(self._own)
        if self._first_term and not own and not self._journal.log.single_process:
            await self._fittings.candidacy.proposed(self._journal, replay)
        await self._take_over(replay)

    async def _end(self) -> int:
        return await self._journal.log.end_offset(self._journal.topic, self._journal.partition)

    async def _take_over(self, replay: Replay) -> None:
        journal = self._journal
        announcement = self._own + self._surroundings.random_bytes(8)
        epoch = replay.fence.epoch + 1
        listener = Announcement()
        writer = journal.log.journal_writer(journal.topic, journal.partition, listener)
        now = self._fittings.conduct.clock.now_ms()
        writer.append(
            announcement_record(announcement, epoch, now, self._fittings.node, journal.cluster_id, journal.partitions)
        )
        try:
            offset = await listener.offset
            await replay.check_applied()  # the log may have lost its end since it was read
            await replay.follow(offset + 1)
        except BaseException:
            writer.close()
            raise
        if replay.fence.announcement != announcement:
            writer.close()
            if self._first_term or replay.fence.announcement.startswith(self._own):
                raise LogUnavailable("an announcement that was given up, or another node's, has come first")
            raise Deposed(f"another node leads {journal.topic}/{journal.partition} since offset {replay.applied}")
        self._fittings.flusher.flush()
        machine = Machine(self.tables, self._surroundings)
        self._leader = Leader(self, machine, writer, Term(announcement, epoch, offset), self._fittings.conduct)
        self._first_term = False
        listener.lead(self._leader.acknowledged, self._leader.failed)
        self._serve(self._leader)

    def _applied(self, changes: Changes) -> None:
        self.pending.add(changes)
        self._fittings.flusher.add(self)

    def _serve(self, leader: Leader) -> None:
        """Goes on with everything that the tables say is under way."""
        self._timers = TimerQueue(self.tables.timers)
        self._timers.load()
        self._firing = 0
        self._schedule_timers()
        for invocation, status in self.tables.statuses.rows():
            backing_off = status.retry is not None and status.retry.next_retry_at is not None
            if status.phase is Phase.INVOKED and not backing_off:
                self._fittings.queue_attempt(self.partition, invocation, status.attempt)
        for message in self._outbox():
            self._release.carry_out([message], Submission(c.CleanUp(), None))
        self._release.term_begun()
        self._fittings.conduct.rounds.mark(leader)

    def _outbox(self) -> Iterator[SendMessage]:
        for key, message in self.tables.outbox.rows():
            yield SendMessage(int.from_bytes(key[:4], "big"), int.from_bytes(key[4:], "big"), message)

    def send_again(self, target: int) -> None:
        """Tells a partition once more what it was told, in order; it knows what it has taken."""
        if self._leader is None:
            return  # the next term sends everything
        sent = self._release.sent.get(target, 0)
        for message in list(self._outbox()):
            if message.target == target and message.sequence <= sent:
                self._release.carry_out([message], Submission(c.CleanUp(), None))

    async def _lead_again(self) -> None:
        leader = self._leader
        assert leader is not None
        unsettled = leader.end()
        announcement = leader.term.announcement
        self._last_indexes.clear()
        self._last_indexes[announcement] = leader.acknowledged_index
        self._fittings.flusher.flush()
        self._leader = None
        self._fittings.abort_attempts(self.partition)
        kept = [one for one in self.queue if not isinstance(one.command, OF_ONE_TERM)]
        self.queue.clear()
        self.queue.extend(kept)
        self.tables = Tables(self.partition, self._fittings.store)
        try:
            await self.lead()
        except Exception as error:
            self._fittings.on_halt(error)
            return
        self._settle(unsettled, self._last_indexes[announcement])

    def _settle(self, unsettled: list[Turn], durable: int) -> None:
        """Tells the askers of durable turns, queues the commands of the others again in front."""
        again: list[Submission] = []
        for turn in unsettled:
            if turn.index <= durable:
                for effects, submission in turn.releases:
                    self._release.carry_out_answers(effects, submission)
            else:
                again += [one for one in turn.submissions if not isinstance(one.command, OF_ONE_TERM)]
        waiting = [Submission(c.Attach(invocation), reply) for invocation, reply in self._release.take_waiters()]
        self.queue.extendleft(reversed((*waiting, *again)))
        if self._leader is not None:
            self._fittings.conduct.rounds.mark(self._leader)

    # --- timers ---

    def _arm(self, timer: Timer) -> None:
        before = self._timers.next_due()
        self._timers.add(timer)
        if before is None or timer.due_at < before:
            self._schedule_timers()

    def look_at_clock(self) -> None:
        """The wall clock may have been set since the timers were armed."""
        if self._leader is not None:
            self._schedule_timers()

    def _schedule_timers(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self._timers.next_due()
        if due is None or self._stopping or self._firing >= TIMERS_UNDER_WAY_MAX:
            return
        delay = min(max(0, due - self._fittings.conduct.clock.now_ms()) / 1000, TIMER_SLEEP_SECONDS_MAX)
        self._timer = asyncio.get_running_loop().call_later(delay, self._fire)

    def _fire(self) -> None:
        self._timer = None
        if self._leader is None:
            return  # the next term looks at the timers when it begins
        room = TIMERS_UNDER_WAY_MAX - self._firing
        for timer in self._timers.take_due(self._fittings.conduct.clock.now_ms(), room):
            self._firing += 1
            self.submit_inner(c.FireTimer(timer), on_durable=self._fired)
        self._schedule_timers()

    def _fired(self) -> None:
        self._firing -= 1
        if self._firing == TIMERS_UNDER_WAY_MAX // 2:
            self._schedule_timers()

    async def stop(self) -> None:
        """Takes nothing more, and ends the term."""
        self._stopping = True
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
        if self._leader is not None:
            self._leader.end()
            self._fittings.flusher.flush()
            self._leader = None
