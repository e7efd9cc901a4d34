"""A leader's term: from one announcement to the next.

Per turn: take what waits, decide, put all events into one journal record, append it, and go on without waiting. When
the record is acknowledged at the offset it must have, its effects are released and its rows are handed on to be
written. Anything else (an error, another offset) ends the term: what became of the records is then read from the log.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from odradek_engine.gateway import Clock
from odradek_engine.log.port import JournalWriter, LogError, RecordTooLarge
from odradek_engine.model import commands as c
from odradek_engine.model.effects import Answer, AnyEffect
from odradek_engine.model.outcomes import AnyOutcome, NotCompleted, NotFound
from odradek_engine.model.rows import AttemptFailure
from odradek_engine.partition.machine import Machine
from odradek_engine.partition.overlay import Changes, Pending
from odradek_engine.partition.tables import RETAINED_BYTES
from odradek_engine.replica.fence import Fence
from odradek_engine.replica.record import FORMAT, JournalRecord, encode_part, encode_record
from odradek_engine.replica.rounds import Rounds
from odradek_engine.replica.submission import Submission
from odradek_engine.store.port import StoreError

RECORD_BYTES_MAX: Final = 33 * 1024 * 1024
"""A record holds at most this much; a command whose events alone are larger is refused."""
RECORDS_IN_FLIGHT_MAX: Final = 64
"""So many records of a partition may be unacknowledged; commands wait in the queue meanwhile."""
_NEGATIVE: Final = (NotFound, NotCompleted)


class Term(msgspec.Struct, frozen=True):
    """What a leader's announcement fixed."""

    announcement: bytes
    epoch: int
    announced_at: int
    """Offset of the announcement; record i must be acknowledged at this offset + i."""


class Turn:
    """One record under way."""

    __slots__ = ("changes", "index", "on_durable", "releases", "submissions")

    def __init__(self, index: int, changes: Changes) -> None:
        self.index = index
        self.changes = changes
        self.submissions: list[Submission] = []
        self.releases: list[tuple[list[AnyEffect], Submission]] = []
        self.on_durable: list[Callable[[], None]] = []

    def take(self, submission: Submission, effects: list[AnyEffect]) -> None:
        """A command was decided."""
        self.submissions.append(submission)
        if effects:
            self.releases.append((effects, submission))
        if submission.on_durable is not None:
            self.on_durable.append(submission.on_durable)

    def join(self, later: Turn) -> None:
        """Commands that wrote nothing, but may have read what this record writes, share its fate."""
        self.submissions += later.submissions
        self.releases += later.releases
        self.on_durable += later.on_durable


class Conduct(msgspec.Struct, frozen=True):
    """How a leader works: things that all partitions of a node share.

    `batch`: commands per turn at most. `confirm_negatives`: whether another process could have taken over unnoticed.
    """

    clock: Clock
    rounds: Rounds
    batch: int
    confirm_negatives: bool


class Owner(Protocol):
    """The partition whose term this is."""

    queue: deque[Submission]
    pending: Pending

    def release(self, effects: list[AnyEffect], submission: Submission) -> None:
        """Carries effects out: their record is durable."""

    def acknowledged(self) -> None:
        """Rows are pending."""

    def term_broken(self, error: LogError) -> None:
        """The term is over."""

    def cannot_go_on(self, error: StoreError) -> None:
        """The tables cannot be read."""


class Leader:
    """The leader's loop of one partition during one term."""

    def __init__(self, owner: Owner, machine: Machine, writer: JournalWriter, term: Term, conduct: Conduct) -> None:
        self.term = term
        self.acknowledged_index = 0
        self._owner = owner
        self._machine = machine
        self._writer = writer
        self._conduct = conduct
        self._in_flight: deque[Turn] = deque()
        self._next_index = 1
        self._cleaning = False
        self._over = False
        self._last_append = conduct.clock.monotonic()

    def fence(self) -> Fence:
        """Where the acknowledged part of the term stands."""
        return Fence(self.term.announcement, self.term.epoch, self.acknowledged_index + 1)

    @property
    def settled(self) -> bool:
        """Whether every record is acknowledged."""
        return not self._in_flight

    # --- turns ---

    def take_turn(self) -> None:
        """Decides what waits, and sends its record on its way."""
        if self._over or not self._owner.queue or len(self._in_flight) >= RECORDS_IN_FLIGHT_MAX:
            return
        try:
            self._decide()
        except StoreError as error:  # nothing of this turn was sent; what was sent before still counts
            self._stop()
            self._owner.cannot_go_on(error)

    def _decide(self) -> None:
        queue = self._owner.queue
        now = self._conduct.clock.now_ms()
        turn = Turn(self._next_index, self._machine.begin_turn())
        parts: list[msgspec.Raw] = []
        size = 0
        for _ in range(min(len(queue), self._conduct.batch)):
            submission = queue.popleft()
            mark = turn.changes.mark()
            decision = self._machine.decide(submission.command, now)
            if decision.events:
                try:
                    part = encode_part(decision.events)
                except Exception as error:  # a text that is no Unicode, say
                    turn.changes.roll_back(mark)
                    decision = self._machine.reject(submission.command, now, error)
                    part = encode_part(decision.events)
                if size + len(part) > RECORD_BYTES_MAX:
                    turn.changes.roll_back(mark)
                    queue.appendleft(submission if parts else self._refuse(submission, len(part)))
                    break
                parts.append(msgspec.Raw(part))
                size += len(part)
            turn.take(submission, decision.effects)
        self._send(turn, parts, now)
        self._clean_up_if_full()
        if queue:
            self._conduct.rounds.mark(self)

    def _refuse(self, submission: Submission, size: int) -> Submission:
        """What is decided in place of a command whose events fit no record."""
        reason = f"it takes {size} bytes in the journal, and a record holds {RECORD_BYTES_MAX}"
        command = submission.command
        if isinstance(command, c.HandlerMessages):
            failure = AttemptFailure(413, f"a message of the handler is too large: {reason}", "RT0003")
            return submission._replace(command=c.FailAttempt(command.invocation, command.attempt, failure))
        return submission._replace(command=c.Refuse(413, f"the request is too large: {reason}"))

    def _send(self, turn: Turn, parts: list[msgspec.Raw], now: int) -> None:
        if parts or (turn.releases and self._must_confirm(turn)):
            self._append(turn, parts, now)
        elif turn.releases and self._in_flight:
            self._in_flight[-1].join(turn)
        else:
            self._release(turn)

    def _must_confirm(self, turn: Turn) -> bool:
        """A "no" from tables that another leader may have left behind must not go out unasked.

        A record that was under way before the question may have landed before that leader's announcement.
        """
        return self._conduct.confirm_negatives and any(
            isinstance(effect, Answer) and isinstance(effect.outcome, _NEGATIVE)
            for effects, _ in turn.releases
            for effect in effects
        )

    def _append(self, turn: Turn, parts: list[msgspec.Raw], now: int) -> None:
        term = self.term
        record = JournalRecord(FORMAT, term.announcement, term.epoch, turn.index, now, 0, tuple(parts))
        self._next_index += 1
        self._in_flight.append(turn)
        self._last_append = self._conduct.clock.monotonic()
        self._conduct.rounds.record_sent()
        try:
            self._writer.append(encode_record(record))
        except RecordTooLarge as error:
            self._break(error)

    def heartbeat(self, silence: float) -> None:
        """Says that the leader is alive, if it has said nothing for `silence` seconds."""
        if self._over or self._in_flight or self._conduct.clock.monotonic() - self._last_append < silence:
            return
        self._append(Turn(self._next_index, self._machine.begin_turn()), [], self._conduct.clock.now_ms())

    def _clean_up_if_full(self) -> None:
        total = self._machine.tables.counters.get(RETAINED_BYTES) or 0
        if total > self._machine.surroundings.limits.retained_bytes:
            self.clean_up()

    def clean_up(self) -> None:
        """Forgets what need not be kept, one batch per turn, until nothing is left to forget."""
        if self._cleaning or self._over:
            return
        self._cleaning = True
        self._owner.queue.append(Submission(c.CleanUp(), self._cleaned))
        self._conduct.rounds.mark(self)

    def _cleaned(self, outcome: AnyOutcome) -> None:
        self._cleaning = False
        if isinstance(outcome, NotCompleted):
            self.clean_up()

    # --- acknowledgements ---

    def acknowledged(self, offset: int) -> None:
        """The oldest record under way is durable."""
        if self._over:
            return
        turn = self._in_flight[0]
        if offset != self.term.announced_at + turn.index:
            expected = self.term.announced_at + turn.index
            self._break(LogError(f"record {turn.index} was written at offset {offset} in place of {expected}"))
            return
        self._in_flight.popleft()
        self.acknowledged_index = turn.index
        self._owner.pending.add(turn.changes)
        self._owner.acknowledged()
        self._release(turn)
        self._conduct.rounds.records_settled(1)
        if self._owner.queue:
            self._conduct.rounds.mark(self)  # what waited because too many records were under way

    def failed(self, error: LogError) -> None:
        """The fate of what is under way is unknown."""
        if not self._over:
            self._break(error)

    def _release(self, turn: Turn) -> None:
        for effects, submission in turn.releases:
            self._owner.release(effects, submission)
        for tell in turn.on_durable:
            tell()

    def _break(self, error: LogError) -> None:
        self._stop()
        self._owner.term_broken(error)

    def _stop(self) -> None:
        if not self._over:
            self._over = True
            self._conduct.rounds.records_settled(len(self._in_flight))

    def end(self) -> list[Turn]:
        """Ends the term; the turns whose fate is unknown, oldest first."""
        self._stop()
        self._writer.close()
        turns = list(self._in_flight)
        self._in_flight.clear()
        return turns
