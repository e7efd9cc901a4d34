"""An engine's request to an application by ASGI's calls: says what the test says, keeps what comes back.

async with Stream(app, "Greeter/greet", version=7) as stream:
    stream.say(start(), InputCommand((), b'"Ada"'))
    assert await stream.hear() == OutputCommand(b'"Hello Ada"')
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, TypeVar

from odradek import Application
from odradek.protocol.codec import CODECS, content_type
from odradek.protocol.framing import FrameReader
from odradek.protocol.ids import format_invocation_id
from odradek.protocol.messages import End, Error, HandlerMessage, Message, Start, Suspension
from until import until

T = TypeVar("T")
DEADLINE_S = 10
RAW_ID = bytes(range(24))


def start(known_entries: int = 1, *, key: str = "", state: dict[bytes, bytes] | None = None, seed: int = 7) -> Start:
    return Start(RAW_ID, format_invocation_id(RAW_ID), known_entries, state or {}, False, key, 0, 0, seed)


def scope_of(method: str, path: str, http_version: str = "2", headers: dict[str, str] | None = None) -> dict[str, Any]:
    return {
        "type": "http",
        "method": method,
        "path": path,
        "http_version": http_version,
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in (headers or {}).items()],
    }


class Stream:
    """One invoke request. `hold_back` stops taking the answer, as an engine does that does not read."""

    def __init__(
        self, app: Application, target: str, *, version: int = 7, http_version: str = "2", prefix: str = ""
    ) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.closes_at_the_end = True
        self.body_begun = False
        self.finished = False
        self.frames: list[tuple[int, int, bytes]] = []
        self._app = app
        self._codec = CODECS[version]
        media_type = content_type(version)
        self._scope = scope_of(
            "POST", f"{prefix}/invoke/{target}", http_version, {"content-type": media_type, "accept": media_type}
        )
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._reader = FrameReader()
        self._heard: asyncio.Queue[HandlerMessage] = asyncio.Queue()
        self._reading = asyncio.Event()
        self._reading.set()
        self._task: asyncio.Task[None] | None = None
        self._lost = False

    async def __aenter__(self) -> Stream:
        self._task = asyncio.create_task(self._app(self._scope, self._events.get, self._take))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        if kind is None:
            if not self.finished:
                self.break_off()
            async with asyncio.timeout(DEADLINE_S):
                await asyncio.wait([self._task])
            if not self._task.cancelled():
                self._task.result()
        else:
            self._task.cancel()

    async def _take(self, event: Any) -> None:
        await self._reading.wait()
        if self._lost:
            raise OSError("the stream was reset")
        if event["type"] == "http.response.start":
            self.status = event["status"]
            self.headers = {name.decode(): value.decode() for name, value in event["headers"]}
            return
        self.body_begun = True
        self.finished = not event.get("more_body", False)
        for frame in self._reader.feed(event["body"]):
            self.frames.append(frame)
            message = self._codec.decode(frame)
            self._heard.put_nowait(message)  # type: ignore[arg-type]
            if isinstance(message, End | Suspension | Error) and self.closes_at_the_end:
                self.close_input()

    # --- the engine's part ---

    def say(self, *messages: Message) -> None:
        self.say_bytes(b"".join(self._codec.encode(message) for message in messages))

    def say_bytes(self, body: bytes) -> None:
        self._events.put_nowait({"type": "http.request", "body": body, "more_body": True})

    def close_input(self) -> None:
        self._events.put_nowait({"type": "http.request", "body": b"", "more_body": False})

    def break_off(self) -> None:
        """The engine resets the stream."""
        self._lost = True
        self._reading.set()
        self._events.put_nowait({"type": "http.disconnect"})

    def cancel(self) -> None:
        """The server gives the request up."""
        assert self._task is not None
        self._task.cancel()
        self.finished = True

    def hold_back(self) -> None:
        self._reading.clear()

    def read_on(self) -> None:
        self._reading.set()

    async def hear(self) -> HandlerMessage:
        """The next message of the handler."""
        async with asyncio.timeout(DEADLINE_S):
            return await self._heard.get()

    async def hear_all(self) -> list[HandlerMessage]:
        """All messages up to the end of the answer."""
        await until(lambda: self.finished)
        return [self._heard.get_nowait() for _ in range(self._heard.qsize())]

    @property
    def nothing_more(self) -> bool:
        return self._heard.empty()


async def settle() -> None:
    """Lets everything run that does not wait for threads or time."""
    for _ in range(30):
        await asyncio.sleep(0)


async def request(app: Application, scope: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    """One request without a body: status, headers, body."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(event: Any) -> None:
        sent.append(event)

    await app(scope, receive, send)
    first, *parts = sent
    headers = {name.decode(): value.decode() for name, value in first["headers"]}
    return first["status"], headers, b"".join(part["body"] for part in parts)


def run(test: Callable[[], Awaitable[T]]) -> T:
    async def bounded() -> T:
        async with asyncio.timeout(DEADLINE_S * 2):
            return await test()

    return asyncio.run(bounded())
