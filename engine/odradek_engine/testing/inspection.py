"""A look into an engine in memory: state, journals, where invocations stand. Shows what is durable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from odradek.protocol.ids import format_awakeable_id, format_invocation_id
from odradek.protocol.messages import CANCEL_SIGNAL, Entry
from odradek.testing.backend import InvocationState, InvocationStatus, JournalEntry
from odradek_engine.model.events import EntriesAppended
from odradek_engine.model.rows import Phase
from odradek_engine.partition.routing import partition_of_invocation
from odradek_engine.query.entry_json import entry_name, entry_type
from odradek_engine.query.source import InvocationRow
from odradek_engine.replica.record import decode_record
from odradek_engine.testing.engine import MemoryEngine

SHOWN_MAX: Final = 20
"""So many invocations are described when a test is stuck."""
_STATES: Final[dict[Phase, InvocationState]] = {
    Phase.SCHEDULED: "scheduled",
    Phase.INBOXED: "pending",
    Phase.INVOKED: "running",
    Phase.SUSPENDED: "suspended",
    Phase.PAUSED: "paused",
}


class Inspection:
    """Reads the tables of an engine."""

    def __init__(self, engine: MemoryEngine) -> None:
        self._engine = engine

    def state(self) -> dict[tuple[str, str], dict[str, bytes]]:
        """All state: by service and key, by name."""
        state: dict[tuple[str, str], dict[str, bytes]] = {}
        for row in self._engine.node.open_rows().state(None, None):
            state.setdefault((row.service, row.key), {})[row.name.decode()] = row.value
        return state

    def journal(self, invocation: bytes) -> Sequence[JournalEntry]:
        """An invocation's journal, as long as it is kept."""
        chunks = self._engine.node.open_rows().journal([invocation])
        entries = [entry for row in chunks for entry in row.chunk.entries]
        return [
            JournalEntry(index, entry_type(entry), entry_name(entry) or "", entry)
            for index, entry in enumerate(entries)
        ]

    def status(self, invocation: bytes) -> InvocationStatus | None:
        """Where an invocation stands."""
        for row in self._engine.node.open_rows().invocations([invocation]):
            return self._status(row)
        return None

    def _status(self, row: InvocationRow) -> InvocationStatus:
        status = row.status
        if status is None:
            return InvocationStatus("completed")
        retry = status.retry
        if retry is not None:
            backing_off = status.phase is Phase.INVOKED and retry.next_retry_at is not None
            state = "backing-off" if backing_off else _STATES[status.phase]
            return InvocationStatus(state, retry.count, retry.last_failure.message)
        if status.phase is Phase.PAUSED:
            return InvocationStatus("paused", 0, self._last_error(row.invocation.id))
        return InvocationStatus(_STATES[status.phase])

    def _last_error(self, invocation: bytes) -> str | None:
        failures = [row.event.failure for row in self._engine.node.open_rows().errors([invocation])]
        return next((failure.message for failure in reversed(failures) if failure is not None), None)

    @property
    def any_under_way(self) -> bool:
        """Whether any invocation has not ended."""
        return any(row.status is not None for row in self._engine.node.open_rows().invocations(None))

    def under_way(self) -> str:
        """What has not ended, for people."""
        open_rows = [row for row in self._engine.node.open_rows().invocations(None) if row.status is not None]
        lines = [self._describe(row) for row in open_rows[:SHOWN_MAX]]
        if len(open_rows) > SHOWN_MAX:
            lines.append(f"and {len(open_rows) - SHOWN_MAX} more")
        return "under way: " + ("\n  ".join(["", *lines]) if lines else "nothing")

    def _describe(self, row: InvocationRow) -> str:
        status = self._status(row)
        text = f"{row.invocation.target} ({format_invocation_id(row.invocation.id)}) is {status.state}"
        awaited = self._awaited(row)
        if awaited:
            text += f", waits for {', '.join(awaited)}"
        if status.last_failure is not None:
            text += f", last failure: {status.last_failure}"
        return text

    def _awaited(self, row: InvocationRow) -> list[str]:
        """What a suspended invocation waits for; several of them only where it waits for one of several."""
        if row.status is None or row.status.awaiting is None:
            return []
        invocation = row.invocation.id
        processors = self._engine.node.processors
        tables = processors[partition_of_invocation(invocation, len(processors))].tables
        commands = tables.journal_summary(invocation).open
        awaited = []
        nodes = [row.status.awaiting]
        while nodes:
            node = nodes.pop()
            nodes += node.nested_futures
            awaited += [_label(commands[number]) for number in node.waiting_completions if number in commands]
            signals = [number for number in node.waiting_signals if number != CANCEL_SIGNAL]
            awaited += [f"awakeable {format_awakeable_id(invocation, number)}" for number in signals]
            awaited += [f"signal {name!r}" for name in node.waiting_named_signals]
        return awaited

    def describe(self, record: bytes) -> str:
        """What a journal record says, for people."""
        words = []
        for event in decode_record(record).events():
            if isinstance(event, EntriesAppended):
                words += [_label(entry) for entry in event.entries]
            else:
                words.append(type(event).__name__)
        return ", ".join(words) or "nothing"


def _label(entry: Entry) -> str:
    name = entry_name(entry)
    kind = entry_type(entry).removeprefix("Command: ")
    return f"{kind} {name!r}" if name else kind
