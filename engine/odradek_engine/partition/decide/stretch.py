"""One synchronous stretch of a handler while it is being decided: entries to append, messages to hand back.

All entries of a stretch go into the journal as one event, with the notifications that the engine adds at once.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from odradek.protocol.messages import EngineMessage, Entry, Notification, RunCommand, RunCompletion
from odradek_engine.model.effects import Deliver
from odradek_engine.model.events import EntriesAppended, StatusChanged
from odradek_engine.model.rows import AttemptFailure, Invocation, Retry, Status
from odradek_engine.partition.decide.decision import Decision
from odradek_engine.partition.journal_summary import JournalSummary

PRECONDITION_CODE: Final = 500


class AttemptBroken(Exception):
    """The handler sent what cannot be done; its attempt fails, what came before stays."""

    def __init__(self, failure: AttemptFailure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class Stretch:
    """The state of one `HandlerMessages` command."""

    __slots__ = ("_deliveries", "_entries", "_summary", "d", "invocation", "over", "status")

    def __init__(self, d: Decision, invocation: Invocation, status: Status) -> None:
        self.d = d
        self.invocation = invocation
        self.status = status
        self.over = False
        self._entries: list[Entry] = []
        self._deliveries: list[EngineMessage] = []
        self._summary = d.tables.journal_summary(invocation.id)

    @property
    def summary(self) -> JournalSummary:
        """The journal with everything of this stretch so far."""
        if self._entries:
            self.flush_entries()
        return self._summary

    def append(self, entry: Entry) -> None:
        """A command of the handler."""
        self._entries.append(entry)

    def notify(self, notification: Notification) -> None:
        """A notification that is there at once."""
        self._entries.append(notification)
        self._deliveries.append(notification)

    def deliver(self, message: EngineMessage) -> None:
        """A message that is no journal entry."""
        self._deliveries.append(message)

    def is_open_run(self, completion_id: int) -> bool:
        """Whether a run block waits for this completion; one of this very stretch is the common case."""
        for entry in reversed(self._entries):
            if type(entry) is RunCommand and entry.result_completion_id == completion_id:
                return True
            if type(entry) is RunCompletion and entry.completion_id == completion_id:
                return False
        return isinstance(self._summary.open.get(completion_id), RunCommand)

    @property
    def next_command_index(self) -> int:
        """The index of the next command, counting commands alone."""
        return self.summary.command_count

    def broken(self, command: object, error_code: str, reason: str) -> AttemptBroken:
        """The error for a command whose precondition does not hold."""
        kind = type(command).__name__.removesuffix("Command")
        index = self.next_command_index
        message = (
            f"cannot process command Command: {kind} (command index {index}) because of a failed precondition: {reason}"
        )
        failure = AttemptFailure(
            PRECONDITION_CODE,
            message,
            error_code,
            related_command_index=index,
            related_command_name=getattr(command, "name", None) or None,
            related_command_type=getattr(getattr(command, "__struct_config__", None), "tag", None),
        )
        return AttemptBroken(failure)

    def flush_entries(self) -> None:
        """Puts the entries so far into the journal."""
        if not self._entries:
            return
        first = self._summary.next_index
        self.d.emit(EntriesAppended(self.invocation.id, first, tuple(self._entries), self.d.now))
        self._entries.clear()
        self._summary = self.d.tables.journal_summary(self.invocation.id)
        self._note_progress()

    def _note_progress(self) -> None:
        status = self.status
        if status.deployment and not status.pinned:
            status = replace(status, modified_at=self.d.now, pinned=True)
        retry = status.retry
        if retry is not None and retry.since_stored_entry:
            progressed = Retry(retry.count, retry.counted, 0, retry.last_failure, retry.next_retry_at)
            status = replace(status, modified_at=self.d.now, retry=progressed)
        if status is not self.status:
            self.status = status
            self.d.emit(StatusChanged(self.invocation.id, status))

    def finish(self) -> None:
        """The stretch is decided: journal, then what goes back to the handler."""
        self.flush_entries()
        if self._deliveries and not self.over:
            self.d.effect(Deliver(self.invocation.id, self.status.attempt, tuple(self._deliveries)))
        self._deliveries.clear()
