"""The engine's side of attempts for SDK tests: keeps a journal, acknowledges, answers calls, all in memory.

It does what the protocol says and nothing else, one pass of the loop after each send.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from odradek import Application
from odradek.protocol.attempt import HandlerSide
from odradek.protocol.ids import format_invocation_id
from odradek.protocol.messages import (
    AwaitingOn,
    CallCommand,
    CallCompletion,
    CallInvocationIdCompletion,
    End,
    EngineMessage,
    Entry,
    Error,
    Failure,
    GetLazyStateCommand,
    GetLazyStateCompletion,
    GetLazyStateKeysCommand,
    GetLazyStateKeysCompletion,
    HandlerMessage,
    Header,
    InputCommand,
    Notification,
    OneWayCallCommand,
    OutputCommand,
    ProposeRunCompletion,
    ProposeRunCompletionAck,
    RunCompletion,
    SleepCommand,
    SleepCompletion,
    Start,
    Suspension,
)

T = TypeVar("T")
RAW_ID = bytes(range(24))
DEADLINE_S = 10


class FakeEnvironment:
    """A clock that stands still until moved, and real threads."""

    def __init__(self) -> None:
        self.now = 1_700_000_000_000
        self.threads = 0

    def now_ms(self) -> int:
        return self.now

    def before_step(self, target: str, name: str) -> None:
        pass

    def run_in_thread(self, function: Callable[[], T]) -> Awaitable[T]:
        self.threads += 1
        return asyncio.get_running_loop().run_in_executor(None, function)


def child_id(number: int) -> str:
    return format_invocation_id(number.to_bytes(24, "big"))


class FakeEngine:
    """One invocation: `start` opens an attempt on the journal kept so far, `finish` also waits for its end."""

    def __init__(
        self,
        app: Application,
        target: str,
        body: bytes = b"",
        *,
        key: str = "",
        state: dict[bytes, bytes] | None = None,
        partial: bool = False,
        headers: dict[str, str] | None = None,
        journal: Sequence[Entry] = (),
    ) -> None:
        self.environment = FakeEnvironment()
        self.endpoint = app.bind(self.environment)
        self.service, self.handler = target.split("/")
        pairs = tuple(Header(*pair) for pair in (headers or {}).items())
        self.journal: list[Entry] = [InputCommand(pairs, body), *journal]
        self.key = key
        self.state = state or {}
        self.partial = partial
        self.answers: dict[str, bytes | Failure] = {}
        """Results of calls by handler name; calls to others stay open."""
        self.fires_timers = True
        self.acknowledges = True
        self.retries = 0
        self.retry_duration_ms = 0
        self.sends: list[list[HandlerMessage]] = []
        self.last: HandlerMessage | None = None
        self.side: HandlerSide | None = None
        self.random_seed = 7
        self._children = 0

    # --- the protocol -----------------------------------------------------------------------------

    def start(self) -> HandlerSide:
        self.sends = []
        self.last = None
        start = Start(
            RAW_ID,
            format_invocation_id(RAW_ID),
            len(self.journal),
            dict(self.state),
            self.partial,
            self.key,
            self.retries,
            self.retry_duration_ms,
            self.random_seed,
        )
        self.side = self.endpoint.start(self.service, self.handler, start, tuple(self.journal), self)
        return self.side

    def send(self, messages: Sequence[HandlerMessage]) -> None:
        assert self.last is None, f"sent after the end: {messages}"
        assert messages, "an empty send"
        self.sends.append(list(messages))
        for message in messages:
            assert self.last is None, f"sent after the end: {messages}"
            self._take(message)

    def _take(self, message: HandlerMessage) -> None:
        if isinstance(message, End | Error | Suspension):
            self.last = message
        elif isinstance(message, ProposeRunCompletion):
            if self.acknowledges:
                self.journal.append(RunCompletion(message.result_completion_id, message.value, message.failure))
                self._deliver_soon(ProposeRunCompletionAck(message.result_completion_id))
        elif not isinstance(message, AwaitingOn):
            self.journal.append(message)
            for notification in self._answers_to(message):
                self.notify(notification)

    def _answers_to(self, command: HandlerMessage) -> list[Notification]:
        if isinstance(command, SleepCommand) and self.fires_timers:
            return [SleepCompletion(command.result_completion_id)]
        if isinstance(command, GetLazyStateCommand):
            return [GetLazyStateCompletion(command.result_completion_id, self.state.get(command.key))]
        if isinstance(command, GetLazyStateKeysCommand):
            return [GetLazyStateKeysCompletion(command.result_completion_id, tuple(self.state))]
        if isinstance(command, CallCommand | OneWayCallCommand):
            self._children += 1
            made: list[Notification] = [
                CallInvocationIdCompletion(command.invocation_id_notification_idx, child_id(self._children))
            ]
            if isinstance(command, CallCommand) and command.handler_name in self.answers:
                answer = self.answers[command.handler_name]
                value, failure = (None, answer) if isinstance(answer, Failure) else (answer, None)
                made.append(CallCompletion(command.result_completion_id, value, failure))
            return made
        return []

    def notify(self, notification: Notification) -> None:
        """Journals a notification and delivers it."""
        self.journal.append(notification)
        self._deliver_soon(notification)

    def _deliver_soon(self, message: EngineMessage) -> None:
        asyncio.get_running_loop().call_soon(self._deliver, message)

    def _deliver(self, message: EngineMessage) -> None:
        if self.side is not None and self.last is None:
            self.side.deliver((message,))

    # --- for the tests ----------------------------------------------------------------------------

    async def until(self, condition: Callable[[], Any]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not condition():  # noqa: ASYNC110  (the condition is the test's)
                await asyncio.sleep(0)

    async def settle(self) -> None:
        """Lets everything run that does not wait for threads or time."""
        for _ in range(20):
            await asyncio.sleep(0)

    async def finish(self) -> HandlerMessage:
        """One attempt, until its last message."""
        self.start()
        await self.until(lambda: self.last is not None)
        assert self.last is not None
        return self.last

    async def output(self) -> OutputCommand:
        """One attempt that must end; its output."""
        last = await self.finish()
        assert isinstance(last, End), last
        output = self.journal[-1]
        assert isinstance(output, OutputCommand)
        return output

    @property
    def sent(self) -> list[HandlerMessage]:
        return [message for messages in self.sends for message in messages]


def run(test: Callable[[], Awaitable[T]]) -> T:
    async def bounded() -> T:
        async with asyncio.timeout(DEADLINE_S * 2):
            return await test()

    return asyncio.run(bounded())
