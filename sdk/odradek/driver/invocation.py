"""The context that handlers get: each operation of the public interface in terms of the machine's commands."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import UUID

from odradek.context import HandlerType, Request, RunOptions, WorkflowContext
from odradek.driver.action import is_async, result_serde
from odradek.driver.durable import (
    CallFuture,
    InvocationIdFuture,
    KeysFuture,
    KnownValueFuture,
    SentInvocation,
    SignalFuture,
    SleepFuture,
    ValueFuture,
)
from odradek.driver.finished import FinishedEvent
from odradek.driver.misuse import refuse_promise, refuse_state, refuse_write, serialize
from odradek.driver.outgoing import describe_target, generic_request, typed_request
from odradek.driver.promise import WorkflowPromise
from odradek.driver.run_block import UNSET_POLICY, RunBlock, RunRetryPolicy
from odradek.exceptions import TerminalError
from odradek.handler import handler_from_callable
from odradek.protocol.ids import MalformedId, parse_awakeable_id, parse_invocation_id
from odradek.protocol.messages import Failure
from odradek.serde import BytesSerde, DefaultSerde, Serde
from odradek.vm import Machine
from odradek.vm.commands import attach, awakeable, call, cancel, run, signal, sleep, state
from odradek.vm.commands.call import Outgoing

if TYPE_CHECKING:
    from odradek.driver.attempt import Attempt

T = TypeVar("T")
I = TypeVar("I")  # noqa: E741
O = TypeVar("O")  # noqa: E741

_DEFAULT: Final[Serde[Any]] = DefaultSerde()
_BYTES: Final = BytesSerde()
_DEFAULT_OPTIONS: Final[RunOptions[Any]] = RunOptions()
BAD_ID: Final = 400


class InvocationContext(WorkflowContext):
    """One class for all kinds of handlers; operations that a kind does not have are refused when used."""

    __slots__ = ("_random", "attempt")

    def __init__(self, attempt: Attempt) -> None:
        self.attempt = attempt
        self._random: Random | None = None

    def request(self) -> Request:
        """The request that started this invocation."""
        machine = self.attempt.machine
        return Request(
            id=machine.start.debug_id,
            headers={header.key: header.value for header in machine.input.headers},
            attempt_headers=dict(self.attempt.headers),
            body=machine.input.value,
            attempt_finished_event=FinishedEvent(self.attempt),
            scope=machine.start.scope,
            limit_key=machine.start.limit_key,
            idempotency_key=machine.start.idempotency_key,
        )

    # --- state ------------------------------------------------------------------------------------

    def key(self) -> str:
        """The object's key."""
        if self.attempt.handler.kind is None:
            raise refuse_state(self.attempt.machine.target, "ctx.key")
        return self.attempt.machine.start.key

    def get(
        self,
        name: str,
        serde: Serde[T] = _DEFAULT,
        type_hint: type[T] | None = None,
        entry_name: str | None = None,
    ) -> ValueFuture[T | None]:
        """The value of a name, None if it has none."""
        machine = self._readable("ctx.get")
        read = state.get(machine, name.encode(), entry_name or "")
        serde = _typed(serde, type_hint)
        if read.completion:
            return ValueFuture(self.attempt, read.completion, f"state {name!r}", serde)
        return KnownValueFuture(self.attempt, read.value, f"state {name!r}", serde)

    def state_keys(self, entry_name: str | None = None) -> KeysFuture:
        """The names that have a value."""
        read = state.get_keys(self._readable("ctx.state_keys"), entry_name or "")
        future = KeysFuture(self.attempt, read.completion, "the state keys")
        return future if read.completion else future.preset(read.keys)

    def set(self, name: str, value: T, serde: Serde[T] = _DEFAULT, entry_name: str | None = None) -> None:
        """Writes a value; it stays even if the handler fails later."""
        machine = self._writable("ctx.set")
        state.put(machine, name.encode(), serialize(self.attempt, "ctx.set", name, serde, value), entry_name or "")

    def clear(self, name: str, entry_name: str | None = None) -> None:
        """Deletes one name."""
        state.clear(self._writable("ctx.clear"), name.encode(), entry_name or "")

    def clear_all(self, entry_name: str | None = None) -> None:
        """Deletes all names."""
        state.clear_all(self._writable("ctx.clear_all"), entry_name or "")

    def _readable(self, operation: str) -> Machine:
        if self.attempt.handler.kind is None:
            raise refuse_state(self.attempt.machine.target, operation)
        return self.attempt.operate(operation)

    def _writable(self, operation: str) -> Machine:
        if self.attempt.handler.kind == "shared":
            raise refuse_write(self.attempt.machine.target, operation)
        return self._readable(operation)

    # --- determinism ------------------------------------------------------------------------------

    def random(self) -> Random:
        """A random generator that gives the same numbers on every replay."""
        if self._random is None:
            self._random = Random(self.attempt.machine.start.random_seed)
        return self._random

    def uuid(self) -> UUID:
        """A random UUID, the same on every replay."""
        return UUID(int=self.random().getrandbits(128), version=4)

    def time(self) -> ValueFuture[float]:
        """Seconds since the epoch as they were when this was first executed."""
        environment = self.attempt.environment

        async def read_clock() -> float:
            return environment.now_ms() / 1000

        return self._declare("timestamp", read_clock, asynchronous=True, serde=_DEFAULT, policy=UNSET_POLICY)

    # --- run blocks -------------------------------------------------------------------------------

    def run(
        self,
        name: str,
        action: Callable[..., Any],
        serde: Serde[Any] = _DEFAULT,
        max_attempts: int | None = None,
        max_retry_duration: timedelta | None = None,
        type_hint: type[Any] | None = None,
        args: tuple[Any, ...] | None = None,
    ) -> ValueFuture[Any]:
        """Deprecated spelling of `run_typed`."""
        options = RunOptions(serde, type_hint, max_attempts, max_retry_duration)
        return self.run_typed(name, action, options, *(args or ()))

    def run_typed(
        self,
        name: str,
        action: Callable[..., Any],
        options: RunOptions[Any] = _DEFAULT_OPTIONS,
        /,
        *args: Any,
        **kwargs: Any,
    ) -> ValueFuture[Any]:
        """Runs an action when awaited, and journals its result."""
        asynchronous = is_async(action, name, self.attempt.machine.target)
        serde = options.serde
        if type(serde) is DefaultSerde and serde.type_hint is None:
            serde = result_serde(action, options.type_hint)
        policy = UNSET_POLICY if options is _DEFAULT_OPTIONS else RunRetryPolicy.of(options)
        bound = partial(action, *args, **kwargs) if args or kwargs else action
        return self._declare(name, bound, asynchronous=asynchronous, serde=serde, policy=policy)

    def _declare(
        self, name: str, action: Callable[[], Any], *, asynchronous: bool, serde: Serde[Any], policy: RunRetryPolicy
    ) -> ValueFuture[Any]:
        attempt = self.attempt
        machine = attempt.enter("ctx.run")
        number = run.begin(machine, name)
        attempt.declare_run(RunBlock(attempt, number, name, action, is_async=asynchronous, serde=serde, policy=policy))
        return ValueFuture(attempt, number, f"run {name!r}", serde)

    # --- timers -----------------------------------------------------------------------------------

    def sleep(self, delta: timedelta, name: str | None = None) -> SleepFuture:
        """A timer that survives restarts."""
        machine = self.attempt.operate("ctx.sleep")
        number = sleep.sleep(machine, self._due_ms(delta), name or "")
        return SleepFuture(self.attempt, number, f"sleep {name!r}" if name else "a sleep")

    def _due_ms(self, delay: timedelta) -> int:
        return self.attempt.environment.now_ms() + max(0, int(delay.total_seconds() * 1000))

    # --- calls ------------------------------------------------------------------------------------

    def service_call(
        self,
        tpe: HandlerType[I, O],
        arg: I,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> CallFuture[O]:
        """Calls a service's handler."""
        handler = handler_from_callable(tpe)
        request = typed_request(handler, None, arg, idempotency_key, headers)
        return self._call(request, handler.handler_io.output_serde)

    def service_send(
        self,
        tpe: HandlerType[I, O],
        arg: I,
        send_delay: timedelta | None = None,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> SentInvocation:
        """Invokes a service's handler without waiting for it."""
        handler = handler_from_callable(tpe)
        return self._send(typed_request(handler, None, arg, idempotency_key, headers), send_delay)

    def object_call(
        self,
        tpe: HandlerType[I, O],
        key: str,
        arg: I,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> CallFuture[O]:
        """Calls a handler of the object with this key."""
        handler = handler_from_callable(tpe)
        request = typed_request(handler, key, arg, idempotency_key, headers)
        return self._call(request, handler.handler_io.output_serde)

    def object_send(
        self,
        tpe: HandlerType[I, O],
        key: str,
        arg: I,
        send_delay: timedelta | None = None,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> SentInvocation:
        """Invokes a handler of the object with this key without waiting for it."""
        handler = handler_from_callable(tpe)
        return self._send(typed_request(handler, key, arg, idempotency_key, headers), send_delay)

    def workflow_call(
        self,
        tpe: HandlerType[I, O],
        key: str,
        arg: I,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> CallFuture[O]:
        """Calls a handler of the workflow with this key."""
        return self.object_call(tpe, key, arg, idempotency_key, headers)

    def workflow_send(
        self,
        tpe: HandlerType[I, O],
        key: str,
        arg: I,
        send_delay: timedelta | None = None,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> SentInvocation:
        """Invokes a handler of the workflow with this key without waiting for it."""
        return self.object_send(tpe, key, arg, send_delay, idempotency_key, headers)

    def generic_call(
        self,
        service: str,
        handler: str,
        arg: bytes,
        key: str | None = None,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
        scope: str | None = None,
        limit_key: str | None = None,
    ) -> CallFuture[bytes]:
        """Calls a handler by name, bytes in and out."""
        request = generic_request(service, handler, key, arg, idempotency_key, headers, scope, limit_key)
        return self._call(request, _BYTES)

    def generic_send(
        self,
        service: str,
        handler: str,
        arg: bytes,
        key: str | None = None,
        send_delay: timedelta | None = None,
        idempotency_key: str | None = None,
        headers: dict[str, str] | None = None,
        scope: str | None = None,
        limit_key: str | None = None,
    ) -> SentInvocation:
        """Invokes a handler by name without waiting for it."""
        request = generic_request(service, handler, key, arg, idempotency_key, headers, scope, limit_key)
        return self._send(request, send_delay)

    def _call(self, request: Outgoing, output_serde: Serde[T]) -> CallFuture[T]:
        attempt = self.attempt
        ids = call.call(attempt.operate("a call"), self._encoded(request))
        label = f"the call to {describe_target(request)}"
        return CallFuture(attempt, ids.result, label, output_serde, self._id_future(ids.invocation_id, request))

    def _send(self, request: Outgoing, send_delay: timedelta | None) -> SentInvocation:
        machine = self.attempt.operate("a send")
        number = call.send(machine, self._encoded(request), self._due_ms(send_delay) if send_delay else 0)
        return SentInvocation(self._id_future(number, request))

    def _encoded(self, request: Outgoing) -> Outgoing:
        codec = self.attempt.codec
        return request if codec is None else request._replace(parameter=codec.encode(request.parameter))

    def _id_future(self, number: int, request: Outgoing) -> InvocationIdFuture:
        return InvocationIdFuture(self.attempt, number, f"the invocation id of {describe_target(request)}")

    # --- other invocations ------------------------------------------------------------------------

    def cancel_invocation(self, invocation_id: str) -> None:
        """Asks an invocation to cancel itself."""
        _check_invocation_id(invocation_id)
        cancel.cancel(self.attempt.operate("ctx.cancel_invocation"), invocation_id)

    def attach_invocation(
        self, invocation_id: str, serde: Serde[T] = _DEFAULT, type_hint: type[T] | None = None
    ) -> ValueFuture[T]:
        """The result of an invocation."""
        _check_invocation_id(invocation_id)
        number = attach.attach(self.attempt.operate("ctx.attach_invocation"), invocation_id)
        return ValueFuture(self.attempt, number, f"the result of {invocation_id}", _typed(serde, type_hint))

    def signal(self, name: str, serde: Serde[T] = _DEFAULT, type_hint: type[T] | None = None) -> SignalFuture[T]:
        """What another handler sends to this invocation under a name."""
        self.attempt.operate("ctx.signal")
        return SignalFuture(self.attempt, name, _typed(serde, type_hint))

    def resolve_signal(self, invocation_id: str, name: str, value: I, serde: Serde[I] = _DEFAULT) -> None:
        """Sends a value to an invocation."""
        _check_invocation_id(invocation_id)
        machine = self.attempt.operate("ctx.resolve_signal")
        raw = serialize(self.attempt, "ctx.resolve_signal", name, serde, value)
        signal.send(machine, invocation_id, name, raw, None)

    def reject_signal(self, invocation_id: str, name: str, failure_message: str, failure_code: int = 500) -> None:
        """Sends a failure to an invocation."""
        _check_invocation_id(invocation_id)
        machine = self.attempt.operate("ctx.reject_signal")
        signal.send(machine, invocation_id, name, None, Failure(failure_code, failure_message))

    # --- promises and awakeables -------------------------------------------------------------------------------

    def promise(self, name: str, serde: Serde[T] = _DEFAULT, type_hint: type[T] | None = None) -> WorkflowPromise[T]:
        """The promise of this workflow with this name."""
        if self.attempt.handler.service_tag.kind != "workflow":
            raise refuse_promise(self.attempt.machine.target)
        return WorkflowPromise(self.attempt, name, _typed(serde, type_hint))

    def awakeable(self, serde: Serde[T] = _DEFAULT, type_hint: type[T] | None = None) -> tuple[str, ValueFuture[T]]:
        """An id to hand out, and the future that whoever holds it completes."""
        awakeable_id, key = awakeable.create(self.attempt.operate("ctx.awakeable"))
        return awakeable_id, ValueFuture(self.attempt, key, f"awakeable {awakeable_id}", _typed(serde, type_hint))

    def resolve_awakeable(self, name: str, value: I, serde: Serde[I] = _DEFAULT) -> None:
        """Completes the awakeable with this id."""
        operation = "ctx.resolve_awakeable"
        self._complete_awakeable(operation, name, serialize(self.attempt, operation, name, serde, value), None)

    def reject_awakeable(self, name: str, failure_message: str, failure_code: int = 500) -> None:
        """Fails the awakeable with this id."""
        self._complete_awakeable("ctx.reject_awakeable", name, None, Failure(failure_code, failure_message))

    def _complete_awakeable(self, operation: str, name: str, value: bytes | None, failure: Failure | None) -> None:
        try:
            parse_awakeable_id(name)
        except MalformedId:
            raise TerminalError(f"{name!r} is not an awakeable id", BAD_ID) from None
        awakeable.complete(self.attempt.operate(operation), name, value, failure)


def _check_invocation_id(text: str) -> None:
    try:
        parse_invocation_id(text)
    except MalformedId:
        raise TerminalError(f"{text!r} is not an invocation id", BAD_ID) from None


def _typed(serde: Serde[Any], type_hint: Any) -> Serde[Any]:
    """A default serde follows the type hint; one that the handler chose stays."""
    if type_hint is None or type(serde) is not DefaultSerde or serde.type_hint is not None:
        return serde
    return result_serde(None, type_hint)
