"""A function on AWS Lambda as a transport: each request is one invocation, sent whole and answered whole.

The API blocks, so every request has a thread while it runs. The threads are daemons: a function may run for a quarter
of an hour, and a node that stops does not wait for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading

from odradek_engine.invoker.remote.lambda_client import CONNECTIONS_MAX, Answer, InvokeFailed, LambdaClient
from odradek_engine.invoker.remote.pool import STOPPING
from odradek_engine.invoker.remote.transport import Receiver, RequestHead


class _Request:
    """Implements `Stream` and `Reservation`."""

    unsent_bytes = 0

    def __init__(self, function: LambdaFunction, head: RequestHead, receiver: Receiver) -> None:
        self._function = function
        self.head = head
        self.receiver: Receiver | None = receiver
        self.body = bytearray()

    def write(self, data: bytes) -> None:
        """See `Stream`."""
        self.body += data

    def end(self) -> None:
        """See `Stream`."""
        self._function.begin(self)

    def consumed(self, count: int) -> None:
        """See `Stream`."""

    def finish(self) -> None:
        """See `Stream`."""
        self.receiver = None

    def reset(self) -> None:
        """See `Stream`; an invocation that runs cannot be called back, and nobody hears its answer."""
        self.receiver = None

    def cancel(self) -> None:
        """See `Reservation`; it was opened at once."""

    def hear(self, answer: Answer) -> None:
        """The answer, as far as anybody still listens."""
        if self.receiver is not None:
            self.receiver.responded(answer.status, answer.headers)
        if self.receiver is not None and answer.body:
            self.receiver.received(answer.body)
        if self.receiver is not None:
            self.receiver.ended()

    def break_off(self, reason: str) -> None:
        """There will be no answer."""
        receiver, self.receiver = self.receiver, None
        if receiver is not None:
            receiver.broken(reason)


class LambdaFunction:
    """Implements `Pool`. `name`: for people."""

    def __init__(self, client: LambdaClient, name: str) -> None:
        self._client = client
        self._name = name
        self._room = asyncio.Semaphore(CONNECTIONS_MAX)
        self._running: dict[asyncio.Task[None], _Request] = {}
        self._closed = False

    @property
    def idle(self) -> bool:
        """See `Pool`."""
        return not self._running

    def request(self, head: RequestHead, receiver: Receiver) -> _Request:
        """See `Requests`."""
        request = _Request(self, head, receiver)
        receiver.opened(request)
        return request

    def begin(self, request: _Request) -> None:
        """The request is complete."""
        if self._closed:
            request.break_off(STOPPING)
            return
        task = asyncio.get_running_loop().create_task(self._run(request))
        self._running[task] = request
        task.add_done_callback(self._running.pop)

    async def close(self) -> None:
        """See `Pool`."""
        self._closed = True
        for task, request in list(self._running.items()):
            task.cancel()
            request.break_off(STOPPING)

    async def _run(self, request: _Request) -> None:
        async with self._room:
            if request.receiver is None:
                return
            try:
                answer = await self._invoke(request.head, bytes(request.body))
            except InvokeFailed as error:
                request.break_off(f"{self._name}: {error}")
                return
        request.hear(answer)

    async def _invoke(self, head: RequestHead, body: bytes) -> Answer:
        """On a thread. Raises `InvokeFailed`."""
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[Answer] = loop.create_future()

        def settle(answer: Answer | None, error: Exception | None) -> None:
            if outcome.done():
                return
            if answer is not None:
                outcome.set_result(answer)
            else:
                outcome.set_exception(error or InvokeFailed("there is no answer"))

        def work() -> None:
            answer, error = None, None
            try:
                answer = self._client.invoke(head, body)
            except InvokeFailed as failure:
                error = failure
            except Exception as failure:
                error = InvokeFailed(f"{type(failure).__name__}: {failure}")
            with contextlib.suppress(RuntimeError):  # the node has stopped meanwhile
                loop.call_soon_threadsafe(settle, answer, error)

        threading.Thread(target=work, name="odradek-lambda", daemon=True).start()
        return await outcome
