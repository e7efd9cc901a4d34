"""I3: a journal entry is written once and never changes; a handler sees the durable beginning of its own life's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, get_args

from odradek.protocol.messages import EngineMessage, Entry, Notification, ProposeRunCompletionAck, RunCompletion, Start
from odradek_engine.model import events as e
from odradek_engine.model.target import TargetKind
from simulation.checkers.port import Checker, Handle, hexed
from simulation.history import Known, Moment

_NOTIFICATIONS: Final = get_args(Notification)


class JournalEntries(Checker):
    """Entries follow each other without a gap, and handlers replay just these."""

    name = "I3 journal entries"

    def handles(self) -> Mapping[type, Handle]:
        return {e.EntriesAppended: self._appended}

    def _appended(self, event: e.EntriesAppended, moment: Moment) -> None:
        known = self.history.invocations.get(event.invocation)
        if known is None or known.ended:
            self.violated(
                f"entries of {hexed(event.invocation)}, which does not run, at {moment.partition}/{moment.offset}"
            )
            return
        if event.first_index != len(known.entries):
            self.violated(f"{hexed(event.invocation)} has {len(known.entries)} entries, {event.first_index} comes next")
        ids = [_completion(entry) for entry in known.entries]
        for entry in event.entries:
            completion = _completion(entry)
            if completion is not None and completion in ids:
                self.violated(f"{hexed(event.invocation)} has two results for completion {completion}")
            ids.append(completion)

    def started(self, known: Known | None, start: Start, journal: Sequence[Entry], *, current: bool) -> None:
        if known is None:
            self.violated(f"{hexed(start.id)} starts, and no journal knows it")
        elif list(journal) != known.entries[: len(journal)]:
            self.violated(f"{hexed(start.id)} starts with a journal that is not the beginning of what is durable")
        elif current:
            self._check_state(known, start)

    def _check_state(self, known: Known, start: Start) -> None:
        """Another node may have gone on meanwhile; who has not heard of that starts in vain, with what was there."""
        target = known.invocation.target
        if self.run.nodes > 1:
            return
        if target.kind is not TargetKind.OBJECT_EXCLUSIVE or start.partial_state:
            return
        state = self.history.state.get((target.service, target.key), {})
        if state != start.state_map:
            self.violated(f"{hexed(known.invocation.id)} starts with {start.state_map}, its object has {state}")

    def delivered(self, known: Known | None, messages: Sequence[EngineMessage]) -> None:
        if known is None:
            return
        for message in messages:
            if isinstance(message, ProposeRunCompletionAck):
                durable = any(
                    isinstance(entry, RunCompletion) and entry.completion_id == message.completion_id
                    for entry in known.entries
                )
            else:
                durable = not isinstance(message, _NOTIFICATIONS) or message in known.entries
            if not durable:
                self.violated(f"{hexed(known.invocation.id)} hears of {message} before that is durable")


def _completion(entry: object) -> int | None:
    return entry.completion_id if isinstance(entry, _NOTIFICATIONS) and hasattr(entry, "completion_id") else None
