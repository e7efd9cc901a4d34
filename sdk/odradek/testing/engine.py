"""The engine as a test holds it: calls to handlers, the clock, failures, crashes, and a look inside."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar, overload

from odradek import json_codec
from odradek.declaration import ServiceDeclaration
from odradek.endpoint import Application
from odradek.handler import Handler, handler_from_callable
from odradek.protocol.messages import Failure
from odradek.serde import DefaultSerde, Serde
from odradek.testing.backend import Backend, CrashStep, InvocationStatus, JournalEntry, Pending, Request
from odradek.testing.failures import Failures

I = TypeVar("I")  # noqa: E741
O = TypeVar("O")  # noqa: E741
O_co = TypeVar("O_co", covariant=True)

_DEFAULT: Serde[Any] = DefaultSerde()


class Invocation(Generic[O_co]):
    """An invocation that the test has begun, or attached to."""

    def __init__(self, engine: Engine, pending: Pending, serde: Serde[Any]) -> None:
        self._engine = engine
        self._pending = pending
        self._serde = serde

    @property
    def id(self) -> str:
        """The invocation's id (`inv_...`)."""
        return self._pending.id

    @property
    def done(self) -> bool:
        """Whether it has ended by now. Lets no time pass."""
        return self._pending.done

    def result(self) -> O_co:
        """Lets time pass until it has ended. Raises the `TerminalError` that it ended with, and `Stuck`."""
        value: Any = self._serde.deserialize(self._pending.result())
        return value  # type: ignore[no-any-return]

    def cancel(self) -> None:
        """Asks it to end: its handler's next await raises a `TerminalError` with code 409."""
        self._engine.backend.control(self.id, "cancel")

    def kill(self) -> None:
        """Ends it, and everything that it called, where it stands."""
        self._engine.backend.control(self.id, "kill")

    def pause(self) -> None:
        """Holds it, while it runs or waits for its next attempt, until it is resumed."""
        self._engine.backend.control(self.id, "pause")

    def resume(self) -> None:
        """Goes on with one that is paused, or waits for its next attempt."""
        self._engine.backend.control(self.id, "resume")

    @property
    def journal(self) -> Sequence[JournalEntry]:
        """Its journal so far, as long as it is kept."""
        return self._engine.journal(self.id)

    @property
    def status(self) -> InvocationStatus | None:
        """Where it stands; None when it is not kept any more."""
        return self._engine.status(self.id)


class Engine:
    """An engine in memory that serves some applications, with a clock of its own.

    Time stands still between the calls of a test, and passes in no time where a call waits for something. Handlers are
    named by the decorated function, or as `"Service/handler"`.
    """

    def __init__(self, applications: Sequence[Application], backend: Backend, failures: Failures) -> None:
        self.backend = backend
        self._failures = failures
        self._handlers: dict[str, Handler[Any, Any]] = {
            handler.target: handler
            for application in applications
            for service in application.services.values()
            for handler in service.handlers.values()
        }

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the engine and every handler in it. What it held is gone."""
        self.backend.close()

    # --- calls ------------------------------------------------------------------------------------

    @overload
    def call(
        self,
        handler: str,
        argument: Any = None,
        *,
        key: str | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any: ...

    @overload
    def call(
        self,
        handler: Callable[[Any], Awaitable[O]],
        *,
        key: str | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> O: ...

    @overload
    def call(
        self,
        handler: Callable[[Any, I], Awaitable[O]],
        argument: I,
        *,
        key: str | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> O: ...

    def call(
        self,
        handler: Any,
        argument: Any = None,
        *,
        key: str | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Calls a handler as a client does, and lets time pass until its result is there.

        Raises the `TerminalError` that it ends with, `Stuck` if it cannot end, and `ValueError` for no such handler.
        """
        found = self._find(handler)
        request = _request(found, argument, key, idempotency_key, headers, None)
        return self._invocation(found, self.backend.invoke(request, wait=True)).result()

    @overload
    def send(
        self,
        handler: str,
        argument: Any = None,
        *,
        key: str | None = None,
        delay: timedelta | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Invocation[Any]: ...

    @overload
    def send(
        self,
        handler: Callable[[Any], Awaitable[O]],
        *,
        key: str | None = None,
        delay: timedelta | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Invocation[O]: ...

    @overload
    def send(
        self,
        handler: Callable[[Any, I], Awaitable[O]],
        argument: I,
        *,
        key: str | None = None,
        delay: timedelta | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Invocation[O]: ...

    def send(
        self,
        handler: Any,
        argument: Any = None,
        *,
        key: str | None = None,
        delay: timedelta | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Invocation[Any]:
        """Begins an invocation and lets it go as far as it can without time passing."""
        found = self._find(handler)
        delay_ms = None if delay is None else int(delay.total_seconds() * 1000)
        request = _request(found, argument, key, idempotency_key, headers, delay_ms)
        return self._invocation(found, self.backend.invoke(request, wait=False))

    @overload
    def attach(self, invocation_id: str, handler: str) -> Invocation[Any]: ...

    @overload
    def attach(
        self, invocation_id: str, handler: Callable[[Any], Awaitable[O]] | Callable[[Any, Any], Awaitable[O]]
    ) -> Invocation[O]: ...

    def attach(self, invocation_id: str, handler: Any) -> Invocation[Any]:
        """An invocation that was begun by another handler, or earlier; `handler` says what its result looks like."""
        return self._invocation(self._find(handler), self.backend.attach(invocation_id))

    def _invocation(self, handler: Handler[Any, O], pending: Pending) -> Invocation[O]:
        return Invocation(self, pending, handler.handler_io.output_serde)

    def _find(self, handler: Any) -> Handler[Any, Any]:
        target = handler if isinstance(handler, str) else handler_from_callable(handler).target
        found = self._handlers.get(target)
        if found is None:
            raise ValueError(f"this engine serves no handler {target}; it serves {', '.join(sorted(self._handlers))}")
        return found

    def resolve_awakeable(self, awakeable_id: str, value: Any = None, serde: Serde[Any] = _DEFAULT) -> None:
        """Completes the awakeable with this id; does nothing where it is completed, or its invocation over, already.

        Raises `ValueError` for what is no such id.
        """
        self.backend.complete_awakeable(awakeable_id, serde.serialize(value), None)

    def reject_awakeable(self, awakeable_id: str, message: str, code: int = 500) -> None:
        """Fails the awakeable with this id: who waits for it gets a `TerminalError`."""
        self.backend.complete_awakeable(awakeable_id, b"", Failure(code, message))

    def resolve_signal(self, invocation_id: str, name: str, value: Any = None, serde: Serde[Any] = _DEFAULT) -> None:
        """Sends a named signal to an invocation, as `ctx.resolve_signal` does from another one.

        Raises `ValueError` for what is no invocation's id, `TerminalError` (404) for one that is not under way.
        """
        self.backend.signal(invocation_id, name, serde.serialize(value), None)

    def reject_signal(self, invocation_id: str, name: str, message: str, code: int = 500) -> None:
        """Sends a named signal that fails: who waits for it gets a `TerminalError`."""
        self.backend.signal(invocation_id, name, b"", Failure(code, message))

    # --- time -------------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        """The engine's clock (UTC), which timers and `ctx.time()` go by."""
        return datetime.fromtimestamp(self.backend.now_ms() / 1000, UTC)

    def advance(self, delta: timedelta) -> None:
        """Lets so much time pass, and everything happen that is due meanwhile. Takes as long as that takes to do."""
        self.backend.advance(delta.total_seconds())

    def settle(self) -> None:
        """Lets happen what can without time passing; calls and sends do so by themselves."""
        self.backend.advance(0)

    # --- failures and crashes ---------------------------------------------------------------------

    def fail_first(
        self, what: str | Callable[..., Any], attempts: int = 1, *, within: Any = None, error: Exception | None = None
    ) -> None:
        """Fails the next `attempts` executions of a step (its name in `ctx.run`), or attempts of a handler.

        `what`: a step's name, a handler, or `"Service/handler"`; `within`: the handler whose step it is, where several
        have one of that name. `error`: what a step raises, by default an `InjectedFailure`; a handler's attempt fails
        before its code runs.
        """
        name = what if isinstance(what, str) else handler_from_callable(what).target
        self._failures.order(name, attempts, None if within is None else self._find(within).target, error)

    def crash_and_restart(self, *, power: bool = False) -> None:
        """Kills the engine and starts it again. Calls that wait go on waiting.

        `power`: the machine goes down rather than the process, so that the tables are made again from the log.
        """
        self.backend.crash(power=power)

    def crash_at(self, record: int, step: CrashStep = "written") -> None:
        """Has the engine die at its `record`-th journal record from now on, and come back at once.

        Each journal entry is a record of its own, beside those of the invocation's own changes. "sent": the record is
        lost; "written": it is durable, but the engine dies before it hears so.
        """
        if record < 1:
            raise ValueError(f"records count from 1, not from {record}")
        self.backend.crash_at(self.backend.records + record, step)

    # --- inside -----------------------------------------------------------------------------------

    def state(self, service: str | ServiceDeclaration, key: str, serde: Serde[Any] | None = None) -> dict[str, Any]:
        """All state of an object by name: JSON as plain values, other bytes as they are, unless a serde is given."""
        name = service if isinstance(service, str) else service.name
        read = _plain if serde is None else serde.deserialize
        return {each: read(raw) for each, raw in self.backend.state().get((name, key), {}).items()}

    def journal(self, invocation_id: str) -> Sequence[JournalEntry]:
        """The journal of an invocation, as long as it is kept."""
        return self.backend.journal(invocation_id)

    def status(self, invocation_id: str) -> InvocationStatus | None:
        """Where an invocation stands; None if it is not known, or not kept any more."""
        return self.backend.status(invocation_id)


def _request(
    handler: Handler[Any, Any],
    argument: Any,
    key: str | None,
    idempotency_key: str | None,
    headers: Mapping[str, str] | None,
    delay_ms: int | None,
) -> Request:
    if (key is None) == (handler.kind is not None):
        raise TypeError(f"{handler.target} needs a key" if key is None else f"{handler.target} takes no key")
    body = handler.handler_io.input_serde.serialize(argument)
    service = handler.service_tag.name
    return Request(service, handler.name, key, body, idempotency_key, headers or {}, delay_ms)


def _plain(raw: bytes) -> Any:
    try:
        return json_codec.decode(raw)
    except ValueError:
        return raw
