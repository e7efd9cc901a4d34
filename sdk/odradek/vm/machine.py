"""The journal machine of one attempt: replays what is stored, then journals what is new.

It owns the cursor in the stored commands, the counters of completion and signal ids, the arrivals, the messages to
send (`outbox`) and how the attempt closed. The modules of `odradek.vm.commands` are its operations.

    REPLAYING --last stored command matched--> PROCESSING --end | suspend | fail | abort--> closed, for good

Invariant: an operation is either equal to the next stored command, or no stored command is left and it goes to the
outbox, or the attempt fails with `JOURNAL_MISMATCH`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from enum import Enum
from typing import Final, NoReturn, cast, get_args

from odradek.exceptions import SdkInternalBaseException, SdkInternalException, SuspendedException
from odradek.protocol.messages import (
    FIRST_AWAKEABLE_SIGNAL,
    Command,
    End,
    EngineMessage,
    Entry,
    Error,
    HandlerMessage,
    InputCommand,
    Notification,
    ProposeRunCompletion,
    ProposeRunCompletionAck,
    RunCompletion,
    Start,
    Suspension,
)
from odradek.vm.replay import describe, difference, is_same_operation
from odradek.vm.waiting import Arrivals, Wait

INTERNAL_ERROR: Final = 500
JOURNAL_MISMATCH: Final = 570
PROTOCOL_VIOLATION: Final = 571

_COMMANDS: Final = get_args(Command)


class Closing(Enum):
    """How an attempt came to its end."""

    ENDED = "ended"
    SUSPENDED = "suspended"
    FAILED = "failed"
    ABORTED = "aborted"


class Machine:
    """One attempt's journal. `target`: which handler, of which key, for messages to people."""

    __slots__ = (
        "_next_completion",
        "_next_signal",
        "_stored",
        "arrivals",
        "closed",
        "command_index",
        "compares_payloads",
        "input",
        "last_command",
        "outbox",
        "progressed",
        "proposals",
        "start",
        "state_cleared",
        "state_writes",
        "target",
    )

    def __init__(self, target: str, start: Start, journal: Sequence[Entry]) -> None:
        first = journal[0] if journal else None
        if not isinstance(first, InputCommand) or len(journal) != start.known_entries:
            raise ValueError(f"{target}: the journal must have {start.known_entries} entries and begin with the input")
        self.target = target
        self.start = start
        self.input = first
        self.outbox: list[HandlerMessage] = []
        self.arrivals = Arrivals()
        self.closed: Closing | None = None
        self.command_index = 0
        self.last_command: Command = first
        self.progressed = False
        """Whether a command was journaled since the attempt began."""
        self.proposals: dict[int, ProposeRunCompletion] = {}
        """Results of run blocks that are not known to be durable yet, by completion id."""
        self.state_writes: dict[bytes, bytes | None] | None = None
        self.state_cleared = False
        self.compares_payloads = True
        """Whether a replay must give the bytes that are stored."""
        self._stored: deque[Command] | tuple[()] = ()
        self._next_completion = 1
        self._next_signal = FIRST_AWAKEABLE_SIGNAL
        if len(journal) > 1:
            self._read(journal[1:])

    def _read(self, entries: Sequence[Entry]) -> None:
        stored: deque[Command] = deque()
        for entry in entries:
            if isinstance(entry, _COMMANDS):
                stored.append(cast(Command, entry))
            else:
                self.arrivals.push(cast(Notification, entry))
        self._stored = stored

    # --- journaling -------------------------------------------------------------------------------

    @property
    def replaying(self) -> bool:
        """True while stored commands are left."""
        return bool(self._stored)

    def next_stored(self) -> Command | None:
        """The stored command that the next operation must match; None when all were replayed."""
        return self._stored[0] if self._stored else None

    def issue(self, command: Command) -> None:
        """Journals a command: checks it against the stored one, or emits it when none is left."""
        self.command_index += 1
        self.last_command = command
        if not self._stored:
            self.progressed = True
            self.outbox.append(command)
            return
        stored = self._stored.popleft()
        if not is_same_operation(stored, command, payloads=self.compares_payloads):
            self._mismatch(describe(command), stored, difference(stored, command))

    def new_completion_id(self) -> int:
        """The next completion id, from 1."""
        number = self._next_completion
        self._next_completion = number + 1
        return number

    def new_signal_index(self) -> int:
        """The next free signal index, from 17."""
        index = self._next_signal
        self._next_signal = index + 1
        return index

    # --- waiting ----------------------------------------------------------------------------------

    def receive(self, messages: Sequence[EngineMessage]) -> None:
        """Takes what the engine says, in journal order. Raises `SdkInternalException` after failing the attempt."""
        for message in messages:
            if type(message) is ProposeRunCompletionAck:
                self.arrivals.push(self._acknowledged(message))
                continue
            if type(message) is RunCompletion:  # how engines of older protocol versions acknowledge
                self.proposals.pop(message.completion_id, None)
            self.arrivals.push(message)  # type: ignore[arg-type]  # no command asks to be acknowledged

    def _acknowledged(self, message: ProposeRunCompletionAck) -> Notification:
        proposal = self.proposals.pop(message.completion_id, None)
        if proposal is None:
            text = f"{self.target}: the engine acknowledged run {message.completion_id}, which was not proposed"
            self.fail(Error(PROTOCOL_VIOLATION, text))
            raise SdkInternalException(text)
        return RunCompletion(proposal.result_completion_id, proposal.value, proposal.failure)

    def must_be_processing(self, awaited: str) -> None:
        """Called when a wait finds nothing: then every stored command must have been replayed."""
        if self._stored:
            self._mismatch(f"await of {awaited}, which is not there,", self._stored[0], "")

    # --- closing ----------------------------------------------------------------------------------

    def end(self) -> None:
        """The invocation is complete; its output command was issued before."""
        if self._stored:
            self._mismatch("the end of the handler", self._stored[0], "")
        self._close(Closing.ENDED, End())

    def suspend(self, wait: Wait) -> None:
        """Nothing more can happen before the wait is over."""
        self._close(Closing.SUSPENDED, Suspension(wait.tree()))

    def fail(self, error: Error) -> None:
        """The attempt has failed; only the first reason counts."""
        self._close(Closing.FAILED, error)

    def abort(self) -> None:
        """The attempt is void: nothing more is sent."""
        self._close(Closing.ABORTED, None)
        self.outbox.clear()

    def _close(self, closing: Closing, last: HandlerMessage | None) -> None:
        if self.closed is not None:
            return
        self.closed = closing
        if last is not None:
            self.outbox.append(last)

    def unwinding(self) -> SdkInternalBaseException:
        """The exception that takes user code out of an attempt which closed under it."""
        return SuspendedException() if self.closed is Closing.SUSPENDED else SdkInternalException()

    def _mismatch(self, found: str, stored: Command, details: str) -> NoReturn:
        text = (
            f"Journal mismatch in {self.target} at command {self.command_index}: the journal of this invocation has"
            f" {describe(stored)} here, the code now does {found}{details}. Handlers must make the same operations in"
            " the same order every time: restore the code that the invocation began with, or cancel the invocation;"
            " reads of clocks, randomness and the outside world belong in ctx.run."
        )
        self.fail(
            Error(
                JOURNAL_MISMATCH,
                text,
                related_command_index=self.command_index,
                related_command_name=stored.name,
                related_command_type=stored.__struct_config__.tag,  # type: ignore[arg-type]
            )
        )
        raise SdkInternalException(text)
