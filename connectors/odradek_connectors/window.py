"""The records of one source partition between being read and being taken by their target partitions. Pure.

Each target partition gets its records as a chain: every command names the record sent to it before, the first one
after a start or a break names none (-1). That is safe because everything before `committable` was taken, and a chain
never begins beyond the oldest record that was not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from odradek_engine.log.port import Record
from odradek_engine.model.outcomes import AnyOutcome, Done, Refused

RECORDS_MAX: Final = 512
"""So many records of a source partition may be between being read and being taken, ..."""
BYTES_MAX: Final = 8 * 1024 * 1024
"""... and so many bytes; what a single read brings may go beyond it."""
RECORD_OVERHEAD_BYTES: Final = 500
"""What a record weighs beyond its key and value, about."""


class WindowLimits(msgspec.Struct, frozen=True):
    """How much may be in a window."""

    records: int = RECORDS_MAX
    bytes: int = BYTES_MAX


class WindowOwner(Protocol):
    """Who hears what becomes of the records."""

    def answered(self) -> None:
        """A record that was sent has its answer, whichever."""

    def moved(self, count: int) -> None:
        """So many more records are behind `Window.committable`."""

    def broken(self, record: Record, refused: Refused) -> None:
        """A record was refused: nothing more should be sent until `Window.begin_again`."""


class Slot:
    """A record in the window, and the reply to the command that carries it. `stale`: its answer does not count."""

    __slots__ = ("_window", "record", "size", "stale", "taken")

    def __init__(self, record: Record, size: int, window: Window) -> None:
        self.record = record
        self.size = size
        self.taken = False
        self.stale = False
        self._window = window

    def __call__(self, outcome: AnyOutcome) -> None:
        """The outcome of the record's command."""
        self._window.answer(self, outcome)


class Window:
    """What was read of one source partition and is not yet taken, in order."""

    def __init__(self, start: int, owner: WindowOwner, limits: WindowLimits) -> None:
        self._owner = owner
        self._limits = limits
        self._slots: deque[Slot] = deque()
        self._unsent: deque[Slot] = deque()
        self.last_sent: dict[int, int] = {}
        """By target partition: the offset of the newest record of its chain."""
        self._bytes = 0
        self._position = start
        self.is_broken = False

    @property
    def position(self) -> int:
        """Where reading goes on."""
        return self._position

    @property
    def committable(self) -> int:
        """Every record before this offset is taken, durably."""
        return self._slots[0].record.offset if self._slots else self._position

    @property
    def room(self) -> int:
        """How many records may be added now."""
        return 0 if self._bytes >= self._limits.bytes else max(0, self._limits.records - len(self._slots))

    @property
    def half_empty(self) -> bool:
        """Whether adding records is worth it again."""
        return self._bytes * 2 <= self._limits.bytes and len(self._slots) * 2 <= self._limits.records

    @property
    def empty(self) -> bool:
        """Whether every record that was added is taken."""
        return not self._slots

    @property
    def next_unsent(self) -> Slot | None:
        """The record to send next."""
        return self._unsent[0] if self._unsent else None

    def add(self, records: Sequence[Record]) -> None:
        """Records that were read, in order; those that were added before are left out."""
        for record in records:
            if record.offset < self._position:
                continue
            size = RECORD_OVERHEAD_BYTES + len(record.value or b"") + len(record.key or b"")
            slot = Slot(record, size, self)
            self._slots.append(slot)
            self._unsent.append(slot)
            self._bytes += size
            self._position = record.offset + 1

    def skip_to(self, position: int) -> None:
        """There are no further records before `position`."""
        self._position = max(self._position, position)

    def sent(self, target_partition: int) -> None:
        """The next unsent record is on its way to a target partition."""
        self.last_sent[target_partition] = self._unsent.popleft().record.offset

    def begin_again(self) -> None:
        """Sends all that was not taken once more, as new chains; answers to what was sent before do not count."""
        self.is_broken = False
        self.last_sent.clear()
        self._unsent.clear()
        for at, slot in enumerate(self._slots):
            if not slot.taken:
                slot.stale = True
                again = Slot(slot.record, slot.size, self)
                self._slots[at] = again
                self._unsent.append(again)

    def drop_unsent(self) -> None:
        """Forgets what was read and not sent, as if it had not been read."""
        if not self._unsent:
            return
        self._position = self._unsent[0].record.offset
        while self._slots and self._slots[-1].record.offset >= self._position:
            dropped = self._slots.pop()
            dropped.stale = True
            self._bytes -= dropped.size
        self._unsent.clear()

    def answer(self, slot: Slot, outcome: AnyOutcome) -> None:
        """The outcome of a record's command."""
        self._owner.answered()
        if slot.taken or slot.stale:
            return
        if isinstance(outcome, Done):
            slot.taken = True
            if slot is self._slots[0]:
                self._owner.moved(self._drop_taken())
        elif not self.is_broken:
            self.is_broken = True
            refusal = outcome if isinstance(outcome, Refused) else Refused(500, f"unexpected answer {outcome!r}")
            self._owner.broken(slot.record, refusal)

    def _drop_taken(self) -> int:
        slots = self._slots
        count = 0
        while slots and slots[0].taken:
            self._bytes -= slots.popleft().size
            count += 1
        return count
