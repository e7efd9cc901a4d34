"""What the test kit asks of the engine in memory, which it knows by this port alone. Nothing of it is a coroutine:
each call lets the engine run on its virtual loop until what was asked for is there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from odradek.protocol.messages import Entry, Failure

InvocationState = Literal["scheduled", "pending", "running", "backing-off", "suspended", "paused", "completed"]
CrashStep = Literal["sent", "written"]


@dataclass(frozen=True)
class Request:
    """A request to a handler, as a client would make it."""

    service: str
    handler: str
    key: str | None
    body: bytes
    idempotency_key: str | None
    headers: Mapping[str, str]
    delay_ms: int | None


@dataclass(frozen=True)
class JournalEntry:
    """An entry of an invocation's journal. `kind`: `Command: Run`, `Notification: Signal` ...; `name`: a step's."""

    index: int
    kind: str
    name: str
    entry: Entry


@dataclass(frozen=True)
class InvocationStatus:
    """Where an invocation stands. `failed_attempts` counts since its journal was last started or resumed."""

    state: InvocationState
    failed_attempts: int = 0
    last_failure: str | None = None


class Pending(Protocol):
    """The result of an invocation, which may not be there yet."""

    @property
    def id(self) -> str:
        """The invocation's id."""

    @property
    def done(self) -> bool:
        """Whether the result is there."""

    def result(self) -> bytes:
        """Lets time pass until the result is there. Raises the invocation's `TerminalError`, and `Stuck`."""


class Backend(Protocol):
    """An engine in memory with virtual time."""

    def invoke(self, request: Request, *, wait: bool) -> Pending:
        """Begins an invocation; `wait`: as a call rather than a send. Raises `TerminalError` if it is refused."""

    def attach(self, invocation_id: str) -> Pending:
        """The result of an invocation that is known by its id."""

    def control(self, invocation_id: str, action: Literal["cancel", "kill", "pause", "resume"]) -> None:
        """What an operator may do to an invocation. Raises `TerminalError` if it makes no sense."""

    def complete_awakeable(self, awakeable_id: str, value: bytes, failure: Failure | None) -> None:
        """Completes an awakeable."""

    def signal(self, invocation_id: str, name: str, value: bytes, failure: Failure | None) -> None:
        """Sends a named signal. Raises `TerminalError` if there is no such invocation under way."""

    def advance(self, seconds: float) -> None:
        """Lets time pass; 0: lets happen what is due now."""

    def now_ms(self) -> int:
        """The virtual wall clock, ms since the epoch."""

    def crash(self, *, power: bool) -> None:
        """Kills the engine and starts it again; `power`: what its disk had not synced is gone."""

    @property
    def records(self) -> int:
        """How many journal records the engine has written in all."""

    @property
    def crashes(self) -> int:
        """How often the engine has died."""

    def crash_at(self, record: int, step: CrashStep) -> None:
        """Has the engine die, and come back, at this record, counted over its lives."""

    @property
    def crashed_at(self) -> str | None:
        """What stood in the journal record at which the engine last died by `crash_at`; for people."""

    def state(self) -> Mapping[tuple[str, str], Mapping[str, bytes]]:
        """All state: by service and key, by name."""

    def journal(self, invocation_id: str) -> Sequence[JournalEntry]:
        """An invocation's journal, as long as it is kept."""

    def status(self, invocation_id: str) -> InvocationStatus | None:
        """Where an invocation stands; None for one that is not known or not kept."""

    @property
    def under_way(self) -> bool:
        """Whether any invocation has not ended."""

    def close(self) -> None:
        """Ends the engine and everything in it."""
