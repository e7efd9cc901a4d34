"""The engine in memory as `odradek.testing` drives it: in names and bytes.

Each call lets the virtual loop run until what was asked for is there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Literal, NoReturn, TypeAlias, TypeVar

from odradek.exceptions import TerminalError
from odradek.protocol.ids import (
    MalformedId,
    format_invocation_id,
    parse_awakeable_id,
    parse_invocation_id,
)
from odradek.protocol.messages import CANCEL_SIGNAL, Failure, Header, SignalNotification
from odradek.testing.backend import CrashStep, InvocationStatus, JournalEntry, Request
from odradek.testing.errors import Stuck
from odradek_engine.ingress.requests import Head, check_idempotency_key, invoke
from odradek_engine.ingress.responses import RequestError
from odradek_engine.ingress.routes import HandlerRoute
from odradek_engine.model.commands import AnyCommand, Attach, Cancel, Invoke, Kill, Pause, ReadOutput, Resume, Signal
from odradek_engine.model.outcomes import (
    AlreadyCompleted,
    AnyOutcome,
    Done,
    Ended,
    NotCompleted,
    NotFound,
    NotRunning,
    NotStarted,
    Refused,
)
from odradek_engine.model.target import Target, TargetKind
from odradek_engine.testing.engine import MemoryEngine
from odradek_engine.testing.inspection import Inspection
from odradek_engine.testing.journal_watch import CrashPoint
from odradek_engine.testing.loop import NothingLeft, StillBusy

T = TypeVar("T")

Told: TypeAlias = Cancel | Kill | Pause | Resume | Signal

_CONTROLS: Final[dict[str, Callable[[bytes], Told]]] = {
    "cancel": Cancel,
    "kill": Kill,
    "pause": Pause,
    "resume": Resume,
}
NOT_FOUND: Final = 404
CONFLICT: Final = 409


class PendingResult:
    """Implements `Pending`."""

    def __init__(self, backend: MemoryBackend, invocation: bytes, outcome: asyncio.Future[AnyOutcome]) -> None:
        self.id = format_invocation_id(invocation)
        self._backend = backend
        self._outcome = outcome

    @property
    def done(self) -> bool:
        """See `Pending`."""
        return self._outcome.done()

    def result(self) -> bytes:
        """See `Pending`."""
        outcome = self._backend.run(self._outcome, f"the result of {self.id}")
        if not isinstance(outcome, Ended):
            _refuse(outcome)
        failure = outcome.result.failure
        if failure is not None:
            raise TerminalError(failure.message, failure.code, dict(failure.metadata) or None)
        return outcome.result.value or b""

    def check_taken(self) -> None:
        """Raises if the engine has refused at once."""
        if self.done and isinstance(self._outcome.result(), Refused):
            _refuse(self._outcome.result())


class MemoryBackend:
    """Implements `odradek.testing.backend.Backend`."""

    def __init__(self, engine: MemoryEngine) -> None:
        """Starts the engine."""
        engine.crashes_at = self._crashes_at
        self._engine = engine
        self._loop = self._engine.loop
        self._inspection = Inspection(self._engine)
        self._crash_points: set[CrashPoint] = set()
        self._requests = 0
        self.crashed_at: str | None = None
        try:
            self.run(self._engine.start(), "the engine to start")
        except BaseException:
            self._loop.close()
            raise

    # --- invocations ---

    def invoke(self, request: Request, *, wait: bool) -> PendingResult:
        """See `Backend`."""
        command = self._command(request, wait=wait)
        invocation = command.invocation.id
        outcome: asyncio.Future[AnyOutcome]
        if wait:
            outcome = self._loop.create_task(self._invoke(command, Attach(invocation)))
        else:
            accepted = self._invoke(command, ReadOutput(invocation))
            self.run(accepted, f"{request.service}/{request.handler} to be taken")
            outcome = self._engine.ask(Attach(invocation))
        pending = PendingResult(self, invocation, outcome)
        self._loop.run_for(0)
        pending.check_taken()
        return pending

    async def _invoke(self, command: Invoke, again: AnyCommand) -> AnyOutcome:
        """Asks until the invocation is there; after a crash, `again` says whether it is."""
        outcome: AnyOutcome = NotFound(command.invocation.id)
        while isinstance(outcome, NotFound):
            outcome = await self._engine.ask(command, again)
        return outcome

    def _command(self, request: Request, *, wait: bool) -> Invoke:
        self.run(self._engine.serving_again(), "the engine to start")
        schema = self._engine.node.schema
        handler = schema.handler(request.service, request.handler)
        if handler is None:
            raise TerminalError(f"there is no handler {request.service}/{request.handler}", NOT_FOUND)
        target = Target(handler.kind, request.service, request.handler, request.key or "")
        self._requests += 1
        key = request.idempotency_key
        try:
            check_idempotency_key(target, key)
        except RequestError as error:
            raise TerminalError(error.message, error.status) from None
        if key is None and target.kind is not TargetKind.WORKFLOW_RUN:
            key = f"request {self._requests} of the test"
        head = Head([Header(name, value) for name, value in request.headers.items()])
        route = HandlerRoute(handler, target, not wait)
        return invoke(
            route,
            head,
            request.body,
            key,
            unique=bytes(16),
            delay=request.delay_ms,
            now_ms=self.now_ms(),
        )

    def attach(self, invocation_id: str) -> PendingResult:
        """See `Backend`."""
        invocation = _parse(invocation_id)
        pending = PendingResult(self, invocation, self._engine.ask(Attach(invocation)))
        self._loop.run_for(0)
        return pending

    def control(self, invocation_id: str, action: Literal["cancel", "kill", "pause", "resume"]) -> None:
        """See `Backend`."""
        self._tell(_CONTROLS[action](_parse(invocation_id)))

    def complete_awakeable(self, awakeable_id: str, value: bytes, failure: Failure | None) -> None:
        """See `Backend`. As over HTTP, nobody hears whether the awakeable was still waited for."""
        try:
            invocation, signal = parse_awakeable_id(awakeable_id)
        except MalformedId:
            raise ValueError(f"{awakeable_id!r} is not an awakeable's id") from None
        self._submit(_signal(invocation, signal, value, failure))

    def signal(self, invocation_id: str, name: str, value: bytes, failure: Failure | None) -> None:
        """See `Backend`."""
        self._tell(_signal(_parse(invocation_id), name, value, failure))

    def _submit(self, command: Told) -> AnyOutcome:
        outcome = self.run(self._tell_once(command), f"an answer to {type(command).__name__}")
        self._loop.run_for(0)
        return outcome

    def _tell(self, command: Told) -> None:
        outcome = self._submit(command)
        if isinstance(outcome, NotFound | AlreadyCompleted | NotStarted | NotRunning | Refused):
            _refuse(outcome)

    async def _tell_once(self, command: Told) -> AnyOutcome:
        """Asks until it is answered; after a crash, looks first whether the invocation has been told."""
        await self._engine.serving_again()
        before = self._heard(command)
        while True:
            outcome = await self._engine.ask(command, ReadOutput(command.invocation))
            if not isinstance(outcome, NotCompleted | Ended | NotFound):
                return outcome
            if self._heard(command) != before:
                return Done()
            if isinstance(outcome, NotFound):
                return outcome

    def _heard(self, command: Told) -> tuple[bool, bool, int]:
        """Whether the invocation is under way, whether it is paused as `command` wants, and how many signals like this
        one it has in its journal."""
        status = self._inspection.status(command.invocation)
        state = "completed" if status is None else status.state
        signal = command.notification.signal if isinstance(command, Signal) else CANCEL_SIGNAL
        heard = (entry.entry for entry in self._inspection.journal(command.invocation))
        count = sum(isinstance(entry, SignalNotification) and entry.signal == signal for entry in heard)
        return state != "completed", isinstance(command, Pause) and state == "paused", count

    # --- time and crashes ---

    def advance(self, seconds: float) -> None:
        """See `Backend`."""
        self._loop.run_for(seconds)

    def now_ms(self) -> int:
        """See `Backend`."""
        return self._engine.clock.now_ms()

    def crash(self, *, power: bool) -> None:
        """See `Backend`."""
        self._engine.crash(power=power)
        self.run(self._engine.start(), "the engine to start")
        self._loop.run_for(0)

    @property
    def records(self) -> int:
        """See `Backend`."""
        return self._engine.watch.written

    @property
    def crashes(self) -> int:
        """See `Backend`."""
        return self._engine.crashes

    def crash_at(self, record: int, step: CrashStep) -> None:
        """See `Backend`."""
        self._crash_points.add(CrashPoint(record, step))

    def _crashes_at(self, point: CrashPoint, record: bytes) -> bool:
        if point not in self._crash_points:
            return False
        self._crash_points.remove(point)
        self.crashed_at = self._inspection.describe(record)
        return True

    # --- inside ---

    def state(self) -> Mapping[tuple[str, str], Mapping[str, bytes]]:
        """See `Backend`."""
        return self._inspection.state()

    def journal(self, invocation_id: str) -> Sequence[JournalEntry]:
        """See `Backend`."""
        return self._inspection.journal(_parse(invocation_id))

    def status(self, invocation_id: str) -> InvocationStatus | None:
        """See `Backend`."""
        return self._inspection.status(_parse(invocation_id))

    @property
    def under_way(self) -> bool:
        """See `Backend`."""
        return self._inspection.any_under_way

    def close(self) -> None:
        """See `Backend`."""
        if not self._loop.is_closed():
            self._engine.crash()
            self._loop.run_for(0)
            self._loop.close()

    def run(self, awaited: Awaitable[T], what: str) -> T:
        """Lets time pass until something is there; raises `Stuck`, which names it, where it never is."""
        try:
            return self._loop.run_until_complete(awaited)
        except (NothingLeft, StillBusy) as error:
            raise Stuck(f"the test waits for {what}, and {error}\n{self._inspection.under_way()}") from None


def _parse(invocation_id: str) -> bytes:
    try:
        return parse_invocation_id(invocation_id)
    except MalformedId:
        raise ValueError(f"{invocation_id!r} is not an invocation's id") from None


def _signal(invocation: bytes, signal: int | str, value: bytes, failure: Failure | None) -> Signal:
    return Signal(invocation, SignalNotification(signal, value if failure is None else None, failure))


def _refuse(outcome: AnyOutcome) -> NoReturn:
    match outcome:
        case Refused(code, message):
            raise TerminalError(message, code)
        case NotFound():
            raise TerminalError("no such invocation, or it is not kept any more", NOT_FOUND)
        case AlreadyCompleted():
            raise TerminalError("the invocation has ended already", CONFLICT)
        case NotRunning():
            raise TerminalError("the invocation is not running", CONFLICT)
        case NotStarted():
            raise TerminalError("the invocation has not begun yet", CONFLICT)
        case _:
            raise AssertionError(f"unexpected: {outcome}")
