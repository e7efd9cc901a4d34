"""One attempt on the event loop: the handler's task, its waits, its run blocks, and what it sends.

Messages leave together: when the handler blocks or ends, all that it produced since it last blocked goes out in one
`send`. Where a run block starts at that moment they wait for one more pass of the loop, so that the block's command
and an immediate result leave together too. Whatever is produced elsewhere leaves with the next pass of the loop.

Invariant: after `Suspension`, `Error`, `End` or an abort nothing is sent, and no user code of the attempt goes on
undisturbed: its next operation or await raises.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Generator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from contextvars import Context
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import msgspec

from odradek.driver.current import current
from odradek.driver.invocation import InvocationContext
from odradek.driver.misuse import explain_misuse
from odradek.driver.run_block import RunBlock, execute
from odradek.driver.value_codec import CodecSource
from odradek.entry_codec import JournalValueCodec
from odradek.exceptions import HandlerMisuseError, RetryableError, SdkInternalBaseException, TerminalError
from odradek.protocol.attempt import EngineSide, HandlerEnvironment
from odradek.protocol.future import NotificationKey
from odradek.protocol.messages import AwaitingOn, EngineMessage, Error, Failure
from odradek.vm import Closing, Machine, Wait
from odradek.vm.commands import cancel, output, run
from odradek.vm.machine import INTERNAL_ERROR

if TYPE_CHECKING:
    from odradek.handler import Handler

CANCELLED = "cancelled"
CANCELLED_CODE = 409

OUTBOX_MESSAGES_MAX: Final = 256
"""A handler that produces more without blocking has them sent at its next await."""

NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


class Attempt:
    """Drives one handler; the engine holds it as its `HandlerSide`.

    Context variables: the handler starts with those of the `surroundings`, and the engine is called with these, so
    that nothing of one handler's reaches the engine or, through it, another handler.
    """

    __slots__ = (
        "_declared",
        "_engine",
        "_executing",
        "_finished",
        "_flush_handle",
        "_held",
        "_input_open",
        "_loop",
        "_surroundings",
        "_task",
        "_wait",
        "_waiter",
        "codec",
        "codec_source",
        "context",
        "environment",
        "handler",
        "headers",
        "machine",
        "waiting_for",
    )

    def __init__(
        self,
        handler: Handler[Any, Any],
        machine: Machine,
        engine: EngineSide,
        environment: HandlerEnvironment,
        surroundings: Context,
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> None:
        self.handler = handler
        self.headers = headers
        """Of the request that carries this attempt, where one does."""
        self.machine = machine
        self.environment = environment
        self.codec_source: CodecSource | None = None
        self.codec: JournalValueCodec | None = None
        """The application's journal value codec, once the attempt has begun."""
        self.context: InvocationContext | None = InvocationContext(self)
        """What the handler got; let go at the end, so that attempts leave no reference cycles."""
        self.waiting_for = ""
        """What the handler awaited last, for messages."""
        self._engine = engine
        self._surroundings = surroundings
        self._input_open = True
        self._declared: dict[int, RunBlock] = {}
        self._executing: dict[int, asyncio.Task[None]] = {}
        self._wait: Wait | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._flush_handle: asyncio.Handle | None = None
        self._finished: asyncio.Event | None = None
        self._held: asyncio.Future[None] | None = None
        self._loop = loop = asyncio.get_running_loop()
        self._task = loop.create_task(self._main(), context=surroundings.copy())

    @property
    def attempt(self) -> Attempt:
        """Itself, as a run block has its attempt."""
        return self

    # --- the engine's calls -----------------------------------------------------------------------

    def deliver(self, messages: Sequence[EngineMessage]) -> None:
        """Queues notifications, and wakes the handler if its wait is over."""
        if self.machine.closed is not None:
            return
        try:
            self.machine.receive(messages)
            wait, waiter = self._wait, self._waiter
            if wait is not None and waiter is not None and not waiter.done() and cancel.poll(self.machine, wait):
                waiter.set_result(None)
        except SdkInternalBaseException:
            self._unwind()

    def close_input(self) -> None:
        """The handler suspends as soon as it can only wait."""
        self._input_open = False
        if self._is_blocked():
            self._suspend_if_idle()

    def abort(self) -> None:
        """Stops the user code; nothing more is sent."""
        self.machine.abort()
        self._task.cancel()
        self._finish()

    def pause(self) -> None:
        """Holds the handler where it would otherwise go on without ever waiting for the engine."""
        if self._held is None and self.machine.closed is None:
            self._held = self._loop.create_future()

    def resume(self) -> None:
        """Lets a held handler go on."""
        held, self._held = self._held, None
        if held is not None and not held.done():
            held.set_result(None)

    # --- the handler ------------------------------------------------------------------------------

    async def _main(self) -> None:
        current.set(self)
        handler = self.handler
        try:
            if self.codec_source is not None:
                await self._set_up_codec(self.codec_source)
            if handler.context_managers:
                result = await self._call_wrapped()
            else:
                result = await self._call()
            self._end(self.encode(handler.render(result, self.machine.target)))
        except TerminalError as error:
            self._end_with_failure(error)
        except asyncio.CancelledError as error:
            if self._task.cancelling():
                self._give_up()
                raise
            self._fail_handler(error)  # something that the handler awaited was cancelled, not the handler
        except (GeneratorExit, KeyboardInterrupt):
            self._give_up()
            raise
        except BaseException as error:
            self._handle_exception(error)
        finally:
            current.set(None)
            self._finish()

    async def _set_up_codec(self, source: CodecSource) -> None:
        self.codec = codec = await source.get()
        self.machine.compares_payloads = False  # a codec may well give other bytes for the same value
        received = self.machine.input
        self.machine.input = msgspec.structs.replace(received, value=await codec.decode(received.value))

    def encode(self, value: bytes) -> bytes:
        """What is stored for a serialized value."""
        return value if self.codec is None else self.codec.encode(value)

    def _call(self) -> Awaitable[Any]:
        handler = self.handler
        if handler.takes_input:
            return handler.fn(self.context, handler.parse(self.machine.input.value))
        return handler.fn(self.context)

    async def _call_wrapped(self) -> Any:
        """The handler within the context managers that its declaration names."""
        async with AsyncExitStack() as stack:
            for manager in self.handler.context_managers:
                await stack.enter_async_context(manager())
            return await self._call()

    def _end(self, result: bytes) -> None:
        if self.machine.closed is not None:
            return
        for block in self._declared.values():
            if not block.awaited:
                raise HandlerMisuseError(
                    f"{self.machine.target} ended without awaiting run {block.name!r}, which therefore never ran:"
                    " write `await ctx.run_typed(...)`, or pass it to odradek.gather"
                )
        output.finish(self.machine, result)

    def _end_with_failure(self, error: TerminalError) -> None:
        if self.machine.closed is not None:
            return
        failure = Failure(error.status_code, error.message, tuple((error.metadata or {}).items()))
        try:
            output.finish(self.machine, None, failure)
        except SdkInternalBaseException:
            pass  # a journal mismatch: the attempt has failed with it

    def _handle_exception(self, error: BaseException) -> None:
        """An exception raised `from` one that the SDK gave to the handler counts as that one."""
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, TerminalError):
                self._end_with_failure(cause)
                return
            if isinstance(cause, RetryableError | SdkInternalBaseException):
                self._fail_handler(cause)
                return
            cause = cause.__cause__
        self._fail_handler(error)

    def _fail_handler(self, error: BaseException) -> None:
        machine = self.machine
        if machine.closed is not None:
            return
        code, message, delay_ms = INTERNAL_ERROR, repr(error), None
        if isinstance(error, RetryableError):
            code, message = error.status_code, error.message
            delay_ms = None if error.retry_after is None else int(error.retry_after.total_seconds() * 1000)
        last = machine.last_command
        machine.fail(
            Error(
                code,
                message,
                "".join(traceback.format_exception(error)),
                related_command_index=machine.command_index,
                related_command_name=last.name,
                related_command_type=last.__struct_config__.tag,  # type: ignore[arg-type]
                next_retry_delay=delay_ms,
            )
        )

    def _give_up(self) -> None:
        """The task was stopped from outside: by `abort`, by a failure that is reported already, or with the loop."""
        if self.machine.closed is None:
            self.machine.abort()

    def _finish(self) -> None:
        """The attempt is over: stops its actions and sends what is left."""
        self.context = None
        self._declared.clear()
        if self._executing:
            for task in self._executing.values():
                task.cancel()
        if self._waiter is not None:
            self._waiter.cancel()  # a task that the handler left behind
        if self._finished is not None:
            self._finished.set()
        self._flush()

    def finished_event(self) -> asyncio.Event:
        """Set when the attempt is over."""
        event = self._finished
        if event is None:
            event = self._finished = asyncio.Event()
            if self.machine.closed is not None:
                event.set()
        return event

    # --- operations and waits ---------------------------------------------------------------------

    def enter(self, operation: str) -> Machine:
        """The machine, for an operation of the handler; raises if the handler may not do it now."""
        if self._wait is not None or self.machine.closed is not None or current.get() is not self:
            raise self._refusal(operation)
        return self.machine

    def operate(self, operation: str) -> Machine:
        """Like `enter`; what the operation produces leaves even if the handler goes on to await something foreign."""
        machine = self.enter(operation)
        if self._flush_handle is None:
            self._flush_handle = self._loop.call_soon(self._flush_when_due)
        return machine

    def _refusal(self, operation: str) -> BaseException:
        machine = self.machine
        if machine.closed is None or machine.closed is Closing.ENDED:
            return explain_misuse(self, operation)
        return machine.unwinding()

    def declare_run(self, block: RunBlock) -> None:
        """Makes a run block known, to be executed when it is awaited."""
        self._declared[block.number] = block

    def note_awaited(self, keys: Iterable[NotificationKey]) -> None:
        """Remembers which run blocks the handler has asked for, though a race may end before they start."""
        for key in keys:
            if isinstance(key, int) and key in self._declared:
                self._declared[key].awaited = True

    def wait(self, wait: Wait, operation: str) -> Generator[Any, None, None]:
        """Blocks the handler until the wait is over. Raises `TerminalError` 409 if a cancellation ends it."""
        machine = self.enter(operation)
        if self._declared:
            self.note_awaited(wait.pending)
        if not cancel.poll(machine, wait):
            machine.must_be_processing(operation)
            self._wait = wait
            self._waiter = waiter = self._loop.create_future()
            self.waiting_for = operation
            try:
                self._block(wait)
                yield from waiter
            finally:
                self._wait = self._waiter = None
                del waiter  # it may hold an exception that holds this frame
        if wait.cancelled:
            self._send_soon()
            raise TerminalError(CANCELLED, CANCELLED_CODE)

    def keep_pace(self) -> Generator[Any, None, None]:
        """For awaits of what is known at once: sends what has piled up, and blocks while the handler is held."""
        if len(self.machine.outbox) >= OUTBOX_MESSAGES_MAX:
            self._flush()
        if self._held is not None:
            yield from self._held

    def _is_blocked(self) -> bool:
        return self._waiter is not None and not self._waiter.done()

    def _block(self, wait: Wait) -> None:
        """Starts the run blocks that are awaited, or says what is awaited, or suspends."""
        if self._declared and self._start_actions(wait):
            if self._flush_handle is not None:
                self._flush_handle.cancel()
            self._flush_handle = self._loop.call_soon(self._flush_when_due)  # behind the actions' first steps
            return
        if not self._input_open:
            self._suspend_if_idle()
        else:
            self.machine.outbox.append(AwaitingOn(wait.tree(), bool(self._executing)))
        self._flush()

    def _start_actions(self, wait: Wait) -> bool:
        """Starts them in the order in which they were declared; True if there were any."""
        numbers = [key for key in wait.pending if isinstance(key, int) and key in self._declared]
        for number in sorted(numbers):
            self._executing[number] = self._loop.create_task(self._execute(self._declared.pop(number)))
        return bool(numbers)

    async def _execute(self, block: RunBlock) -> None:
        try:
            await execute(self, block)
        finally:
            self._executing.pop(block.number, None)
            if not self._input_open and self._is_blocked():
                self._suspend_if_idle()

    def propose(self, block: RunBlock, value: bytes | None, failure: Failure | None) -> None:
        """Offers the result of a run block to the engine."""
        if self.machine.closed is None:
            run.propose(self.machine, block.number, value, failure)
            self._send_soon()

    def fail(self, error: Error) -> None:
        """Ends the attempt from outside of the handler's own code, which is unwound."""
        self.machine.fail(error)
        self._unwind()

    def _suspend_if_idle(self) -> None:
        if not self._executing and self._wait is not None and self.machine.closed is None:
            self.machine.suspend(self._wait)
            self._unwind()

    def _unwind(self) -> None:
        """The attempt was closed under its handler: takes it out of whatever it awaits."""
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_exception(self.machine.unwinding())
        else:
            self._task.cancel()
        self._send_soon()

    # --- sending ----------------------------------------------------------------------------------

    def _send_soon(self) -> None:
        if self._flush_handle is None:
            self._flush_handle = self._loop.call_soon(self._flush_when_due)

    def _flush_when_due(self) -> None:
        self._flush_handle = None
        self._flush()

    def _flush(self) -> None:
        outbox = self.machine.outbox
        if outbox:
            self.machine.outbox = []
            self._surroundings.copy().run(self._engine.send, outbox)
