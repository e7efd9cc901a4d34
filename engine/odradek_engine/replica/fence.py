"""Which journal records count. The order of the log decides, no clock and no lease does.

A record counts only if its announcement is the current one and its index the next one; an announcement counts only
if it raises the epoch. Everything else is void: left over from leaders that others have succeeded, or from a writer
whose earlier append was lost.
"""

from __future__ import annotations

import msgspec

from odradek_engine.replica.record import JournalRecord

NO_ANNOUNCEMENT = b""


class Fence(msgspec.Struct, frozen=True):
    """Whom a reader of a journal follows, and which index comes next."""

    announcement: bytes = NO_ANNOUNCEMENT
    epoch: int = 0
    next_index: int = 0

    def admit(self, record: JournalRecord) -> Fence | None:
        """The fence after a record that counts, None for one that is void."""
        if record.index == 0:
            if record.epoch <= self.epoch:
                return None
            return Fence(record.announcement, record.epoch, 1)
        if record.announcement != self.announcement or record.epoch != self.epoch or record.index != self.next_index:
            return None
        return Fence(self.announcement, self.epoch, self.next_index + 1)
