"""A transport and an engine's side that do as a test says, and keep what they were told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from odradek.protocol.codec import CODECS, content_type
from odradek.protocol.framing import Frame, FrameReader
from odradek.protocol.messages import ErrorBehavior, HandlerMessage, InputCommand, Message, Start
from odradek_engine.invoker.remote.attempt import RemoteAttempt, Terms
from odradek_engine.invoker.remote.transport import UNSENT_BYTES, Receiver, RequestHead
from odradek_engine.model.rows import AttemptFailure

INPUT = InputCommand((), b"in")
HEAD = RequestHead("POST", "/invoke/S/h", {})
NOW_MS = 1_000_000


class ScriptedStream:
    """What was written stays unsent while `blocked`."""

    def __init__(self) -> None:
        self.written = bytearray()
        self.taken = 0
        self.ended = 0
        self.finished = False
        self.was_reset = False
        self.consumed_bytes = 0
        self.blocked = False

    @property
    def unsent_bytes(self) -> int:
        return len(self.written) - self.taken if self.blocked else 0

    def write(self, data: bytes) -> None:
        assert not self.ended
        self.written += data

    def end(self) -> None:
        self.ended += 1

    def consumed(self, count: int) -> None:
        self.consumed_bytes += count

    def finish(self) -> None:
        self.finished = True

    def reset(self) -> None:
        self.was_reset = True


class ScriptedRequests:
    def __init__(self) -> None:
        self.asked: list[tuple[RequestHead, Receiver]] = []
        self.cancelled = 0

    def request(self, head: RequestHead, receiver: Receiver) -> ScriptedRequests:
        self.asked.append((head, receiver))
        return self

    def cancel(self) -> None:
        self.cancelled += 1


class ListeningEngine:
    def __init__(self) -> None:
        self.messages: list[HandlerMessage] = []
        self.stretches = 0
        self.signs_of_life = 0
        self.failures: list[tuple[AttemptFailure, int | None, ErrorBehavior]] = []
        self.takes_nothing = False
        self.waiting: list[Callable[[], None]] = []

    def send(self, messages: Sequence[HandlerMessage]) -> None:
        self.stretches += 1
        self.messages += messages

    def when_taken(self, callback: Callable[[], None]) -> None:
        if self.takes_nothing:
            self.waiting.append(callback)
        else:
            callback()

    def heard(self) -> None:
        self.signs_of_life += 1

    def fail(
        self, failure: AttemptFailure, delay_ms: int | None = None, behavior: ErrorBehavior = ErrorBehavior.RETRY
    ) -> None:
        self.failures.append((failure, delay_ms, behavior))

    @property
    def code(self) -> str:
        ((failure, _, _),) = self.failures
        return failure.error_code


class Talk:
    """One attempt between the two."""

    def __init__(
        self, version: int = 7, *, journal: Sequence[Any] = (INPUT,), duplex: bool = True, body_bytes_max: int = 1 << 20
    ) -> None:
        self.codec = CODECS[version]
        self.requests = ScriptedRequests()
        self.engine = ListeningEngine()
        self.stream = ScriptedStream()
        self.start = Start(b"i" * 24, "inv_1", len(journal), {}, False, "", 0, 0, 7)
        terms = Terms(self.codec, "http://there/", duplex, body_bytes_max, lambda: NOW_MS)
        self.attempt = RemoteAttempt(terms, self.requests, HEAD, (self.start, journal), self.engine)
        self.attempt.begin()

    def open(self) -> Talk:
        """The request goes out."""
        self.attempt.opened(self.stream)
        return self

    def answer(self) -> Talk:
        """The response begins as it should."""
        self.open()
        self.attempt.responded(200, {"content-type": content_type(self.codec.version)})
        return self

    def say(self, *messages: Message | Frame | bytes) -> None:
        """The handler's side speaks, all in one piece."""
        self.attempt.received(b"".join(self.wire(message) for message in messages))

    def wire(self, message: Message | Frame | bytes) -> bytes:
        if isinstance(message, bytes):
            return message
        if isinstance(message, Frame):
            return framed(message)
        return self.codec.encode(message)

    def sent(self) -> list[Any]:
        """What the handler's side was sent."""
        frames = FrameReader().feed(bytes(self.stream.written))
        return [self.codec.decode(frame) for frame in frames]

    def drain(self) -> None:
        """The other side takes everything."""
        self.stream.taken = len(self.stream.written)
        self.attempt.writable()


def framed(frame: Frame) -> bytes:
    from odradek.protocol.framing import HEADER

    return HEADER.pack(frame.type, frame.flags, len(frame.body)) + frame.body


PIECE = bytes(UNSENT_BYTES)
"""A payload that fills the connection."""
