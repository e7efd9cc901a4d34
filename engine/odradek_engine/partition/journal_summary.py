"""What the machine must know of an invocation's journal, folded from its entries once and then carried on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

from odradek.protocol.messages import (
    AttachInvocationCommand,
    AttachInvocationCompletion,
    CallCommand,
    CallCompletion,
    CallInvocationIdCompletion,
    CompletePromiseCommand,
    CompletePromiseCompletion,
    Entry,
    GetInvocationOutputCommand,
    GetInvocationOutputCompletion,
    GetLazyStateCommand,
    GetLazyStateCompletion,
    GetLazyStateKeysCommand,
    GetLazyStateKeysCompletion,
    GetPromiseCommand,
    GetPromiseCompletion,
    InputCommand,
    OneWayCallCommand,
    OutputCommand,
    PeekPromiseCommand,
    PeekPromiseCompletion,
    RunCommand,
    RunCompletion,
    SetStateCommand,
    SignalNotification,
    SleepCommand,
    SleepCompletion,
)
from odradek_engine.partition.awaiting import Arrived

_NOTHING_OPEN: Final[dict[int, Entry]] = {}
_NO_CHILDREN: Final[dict[int, str]] = {}
"""Shared by all summaries that have none; never written."""


class JournalSummary:
    """Where a journal ends and what is open in it.

    `open`: completion id -> the command that waits for it. `arrived`: completions and signals that are there.
    `children`: invocation ids of everything called, by the completion that tells each. `payload_bytes`: about what the
    entries weigh.
    """

    __slots__ = (
        "_arrived",
        "children",
        "command_count",
        "next_index",
        "open",
        "output",
        "payload_bytes",
        "unkeyed_children",
    )

    def __init__(self) -> None:
        self.next_index = 0
        self.command_count = 0
        self.open: dict[int, Entry] = _NOTHING_OPEN
        self._arrived: Arrived | None = None
        self.children: dict[int, str] = _NO_CHILDREN
        self.unkeyed_children = 0
        self.output: OutputCommand | None = None
        self.payload_bytes = 0

    @property
    def arrived(self) -> Arrived:
        """Completions and signals; most journals never have any."""
        if self._arrived is None:
            self._arrived = Arrived()
        return self._arrived

    def wait_for(self, completion_id: int, entry: Entry) -> None:
        """A command is open until its completion is there."""
        if self.open is _NOTHING_OPEN:
            self.open = {}
        self.open[completion_id] = entry

    def extend(self, entries: Iterable[Entry]) -> None:
        """Takes further entries in journal order."""
        for entry in entries:
            self.next_index += 1
            self.payload_bytes += ENTRY_OVERHEAD_BYTES
            _FOLD.get(type(entry), _fold_command)(self, entry)

    def complete(self, completion_id: int, succeeded: bool = True) -> None:
        """A completion is there."""
        self.arrived.add_completion(completion_id, succeeded)
        if self.open:
            self.open.pop(completion_id, None)


ENTRY_OVERHEAD_BYTES: Final = 64
"""What an entry costs beside its payload, about."""


def _fold_command(summary: JournalSummary, _entry: Entry) -> None:
    summary.command_count += 1


def _fold_input(summary: JournalSummary, entry: InputCommand) -> None:
    summary.command_count += 1
    summary.payload_bytes += len(entry.value)


def _fold_output(summary: JournalSummary, entry: OutputCommand) -> None:
    summary.command_count += 1
    summary.output = entry
    summary.payload_bytes += len(entry.value or b"")


def _fold_set_state(summary: JournalSummary, entry: SetStateCommand) -> None:
    summary.command_count += 1
    summary.payload_bytes += len(entry.key) + len(entry.value)


_Waiting: TypeAlias = (
    RunCommand
    | SleepCommand
    | GetLazyStateCommand
    | GetLazyStateKeysCommand
    | GetPromiseCommand
    | PeekPromiseCommand
    | AttachInvocationCommand
    | GetInvocationOutputCommand
)
_WithValue: TypeAlias = (
    RunCompletion
    | CallCompletion
    | GetLazyStateCompletion
    | GetPromiseCompletion
    | PeekPromiseCompletion
    | AttachInvocationCompletion
    | GetInvocationOutputCompletion
)


def _fold_waiting(summary: JournalSummary, entry: _Waiting) -> None:
    summary.command_count += 1
    summary.wait_for(entry.result_completion_id, entry)


def _fold_complete_promise(summary: JournalSummary, entry: CompletePromiseCommand) -> None:
    summary.command_count += 1
    summary.payload_bytes += len(entry.value or b"")
    summary.wait_for(entry.result_completion_id, entry)


def _fold_call(summary: JournalSummary, entry: CallCommand) -> None:
    summary.command_count += 1
    summary.payload_bytes += len(entry.parameter)
    summary.unkeyed_children += not entry.key
    summary.wait_for(entry.result_completion_id, entry)


def _fold_send(summary: JournalSummary, entry: OneWayCallCommand) -> None:
    summary.command_count += 1
    summary.payload_bytes += len(entry.parameter)
    summary.unkeyed_children += not entry.key


def _fold_void(summary: JournalSummary, entry: SleepCompletion | GetLazyStateKeysCompletion) -> None:
    summary.complete(entry.completion_id)


def _fold_promise_completed(summary: JournalSummary, entry: CompletePromiseCompletion) -> None:
    summary.complete(entry.completion_id, entry.failure is None)


def _fold_result(summary: JournalSummary, entry: _WithValue) -> None:
    summary.complete(entry.completion_id, entry.failure is None)
    summary.payload_bytes += len(entry.value or b"")


def _fold_call_id(summary: JournalSummary, entry: CallInvocationIdCompletion) -> None:
    summary.complete(entry.completion_id)
    if summary.children is _NO_CHILDREN:
        summary.children = {}
    summary.children[entry.completion_id] = entry.invocation_id


def _fold_signal(summary: JournalSummary, entry: SignalNotification) -> None:
    summary.arrived.add_signal(entry.signal, entry.failure is None)
    summary.payload_bytes += len(entry.value or b"")


_FOLD: Final[Mapping[type, Callable[[JournalSummary, Any], None]]] = {
    InputCommand: _fold_input,
    OutputCommand: _fold_output,
    SetStateCommand: _fold_set_state,
    RunCommand: _fold_waiting,
    SleepCommand: _fold_waiting,
    GetLazyStateCommand: _fold_waiting,
    GetLazyStateKeysCommand: _fold_waiting,
    GetPromiseCommand: _fold_waiting,
    PeekPromiseCommand: _fold_waiting,
    CompletePromiseCommand: _fold_complete_promise,
    AttachInvocationCommand: _fold_waiting,
    GetInvocationOutputCommand: _fold_waiting,
    CallCommand: _fold_call,
    OneWayCallCommand: _fold_send,
    CallInvocationIdCompletion: _fold_call_id,
    SignalNotification: _fold_signal,
    GetLazyStateCompletion: _fold_result,
    GetLazyStateKeysCompletion: _fold_void,
    SleepCompletion: _fold_void,
    CallCompletion: _fold_result,
    RunCompletion: _fold_result,
    GetPromiseCompletion: _fold_result,
    PeekPromiseCompletion: _fold_result,
    CompletePromiseCompletion: _fold_promise_completed,
    AttachInvocationCompletion: _fold_result,
    GetInvocationOutputCompletion: _fold_result,
}
"""Commands that are not here only count."""
