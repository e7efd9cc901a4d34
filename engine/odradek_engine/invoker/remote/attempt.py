"""One attempt of a remote handler, as the engine drives it. No I/O: a `Stream` carries bytes, an `AttemptSide` hears.

    CONNECTING --opened--> OPENING --responded--> TALKING --last word--> OVER
         ^                    |                      |
         +------refused-------+      anything else that ends it --> OVER, the attempt has failed

The start and the known journal go out first, then notifications as they come. What is sent before the response begins
is kept until then: a request that the other side never looked at is made again from the start. What the handler has
not read is bounded: past the bound nothing more is sent, so that the handler suspends once it has read the rest, and
finds everything in its journal when it comes back.

Nothing that the other side sends does more than end the attempt with a failure.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from enum import Enum, auto
from functools import partial
from typing import Any, Final, NamedTuple, get_args

from odradek.protocol.codec import RUN_ACKS, Codec, UnknownMessage, content_type
from odradek.protocol.framing import Frame, FrameReader, FrameTooLarge
from odradek.protocol.future import FutureTooDeep
from odradek.protocol.messages import (
    AwaitingOn,
    Command,
    CommandAck,
    End,
    EngineMessage,
    Entry,
    Error,
    ErrorBehavior,
    HandlerMessage,
    InputCommand,
    Message,
    ProposeRunCompletion,
    ProposeRunCompletionAck,
    RunCompletion,
    Start,
    Suspension,
)
from odradek.protocol.wire import MalformedMessage
from odradek_engine.invoker.port import AttemptSide
from odradek_engine.invoker.remote import failures
from odradek_engine.invoker.remote.transport import UNSENT_BYTES, RequestHead, Requests, Reservation, Stream
from odradek_engine.model.rows import AttemptFailure

UNREAD_BYTES_MAX: Final = 33 * 1024 * 1024
"""So much may wait for a handler that does not read, beyond its journal; then its input is closed."""
REFUSALS_MAX: Final = 5
"""So often a request is made again that the other side has not looked at."""

_OK: Final = 200
_LAST: Final = (End, Suspension, Error)
_COMMANDS: Final = frozenset(get_args(Command))
_FROM_HANDLER: Final = frozenset(get_args(HandlerMessage)) - {InputCommand, CommandAck}


class State(Enum):
    """Where an attempt stands."""

    CONNECTING = auto()
    OPENING = auto()
    TALKING = auto()
    OVER = auto()


class Terms(NamedTuple):
    """What holds for all attempts of one deployment and protocol version."""

    codec: Codec
    address: str
    """For people."""
    duplex: bool
    """Whether both sides talk at once; else the engine says all that it has, and then listens."""
    body_bytes_max: int
    now_ms: Callable[[], int]


class Event(Enum):
    """What the transport reports."""

    RESPONDED = auto()
    RECEIVED = auto()
    ENDED = auto()
    REFUSED = auto()
    BROKEN = auto()


class _Broken(Exception):
    """The handler's side said what cannot be."""

    def __init__(self, failure: AttemptFailure, behavior: ErrorBehavior = ErrorBehavior.RETRY) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.behavior = behavior


class RemoteAttempt:
    """Implements `HandlerSide` for the engine and `Receiver` for the transport."""

    __slots__ = (
        "_commands",
        "_engine",
        "_head",
        "_input_closing",
        "_input_ended",
        "_opening",
        "_outgoing",
        "_proposals",
        "_reader",
        "_refusals",
        "_requests",
        "_reservation",
        "_stream",
        "_terms",
        "_unread_bytes",
        "state",
    )

    def __init__(
        self,
        terms: Terms,
        requests: Requests,
        head: RequestHead,
        opening: tuple[Start, Sequence[Entry]],
        engine: AttemptSide,
    ) -> None:
        start, journal = opening
        self.state = State.CONNECTING
        self._terms = terms
        self._requests = requests
        self._head = head
        self._engine = engine
        self._opening: list[Message | bytes] = [start, *journal]
        """All that was said so far; empty once the response has begun."""
        self._outgoing: deque[Message | bytes] = deque(self._opening)
        self._unread_bytes = 0
        self._commands = sum(type(entry) in _COMMANDS for entry in journal)
        self._input_closing = not terms.duplex
        self._input_ended = False
        self._proposals: dict[int, ProposeRunCompletion] = {}
        """Run results that are to be acknowledged as whole completions."""
        self._reader = FrameReader(terms.body_bytes_max)
        self._refusals = 0
        self._stream: Stream | None = None
        self._reservation: Reservation | None = None

    def begin(self) -> None:
        """Asks for the request."""
        reservation = self._requests.request(self._head, self)
        if self.state is State.CONNECTING:
            self._reservation = reservation

    # --- the engine's calls -----------------------------------------------------------------------

    def deliver(self, messages: Sequence[EngineMessage]) -> None:
        """Sends notifications and acknowledgements, as far as the handler's side still listens."""
        encode = self._terms.codec.encode
        for message in messages:
            if self._input_closing or self.state is State.OVER:
                return
            frame = encode(self._carried(message))
            self._outgoing.append(frame)
            if self.state is not State.TALKING:
                self._opening.append(frame)
            self._unread_bytes += len(frame)
            self._pump()
            if self._unread_bytes > UNREAD_BYTES_MAX:
                self.close_input()

    def close_input(self) -> None:
        """Says that nothing more will come, once everything has gone out."""
        self._input_closing = True
        self._pump()

    def abort(self) -> None:
        """Breaks the request off."""
        self._leave()

    def _carried(self, message: EngineMessage) -> Message:
        """An acknowledged run result as its proposal asked for it: by its id alone, or as the whole completion."""
        if type(message) is ProposeRunCompletionAck:
            proposal = self._proposals.pop(message.completion_id, None)
            if proposal is not None:
                return RunCompletion(message.completion_id, proposal.value, proposal.failure)
        return message

    # --- writing ----------------------------------------------------------------------------------

    def opened(self, stream: Stream) -> None:
        """See `Receiver`."""
        self._reservation = None
        self._stream = stream
        self.state = State.OPENING
        self._pump()

    def writable(self) -> None:
        """See `Receiver`."""
        self._pump()

    def _pump(self) -> None:
        """Hands on what the connection can take, and ends the body behind the last of it."""
        stream = self._stream
        if stream is None or self._input_ended:
            return
        while self._outgoing:
            room = UNSENT_BYTES - stream.unsent_bytes
            if room <= 0:
                return
            stream.write(self._next_piece(room))
        if self._input_closing:
            self._input_ended = True
            stream.end()

    def _next_piece(self, room: int) -> bytes:
        """Frames of about so many bytes together, at least one."""
        encode = self._terms.codec.encode
        frames = []
        while self._outgoing and room > 0:
            item = self._outgoing.popleft()
            if isinstance(item, bytes):
                self._unread_bytes -= len(item)
                frames.append(item)
            else:
                frames.append(encode(item))
            room -= len(frames[-1])
        return frames[0] if len(frames) == 1 else b"".join(frames)

    # --- the transport's reports --------------------------------------------------------------------

    def responded(self, status: int, headers: Mapping[str, str]) -> None:
        """See `Receiver`."""
        self._happen(Event.RESPONDED, status, headers)

    def received(self, data: bytes) -> None:
        """See `Receiver`."""
        self._happen(Event.RECEIVED, data)

    def ended(self) -> None:
        """See `Receiver`."""
        self._happen(Event.ENDED)

    def refused(self) -> None:
        """See `Receiver`."""
        self._happen(Event.REFUSED)

    def broken(self, reason: str) -> None:
        """See `Receiver`."""
        self._happen(Event.BROKEN, reason)

    def _happen(self, event: Event, *details: Any) -> None:
        reaction = _REACTIONS.get((self.state, event))
        if reaction is not None:
            reaction(self, *details)

    def _begin_talk(self, status: int, headers: Mapping[str, str]) -> None:
        terms = self._terms
        if status != _OK:
            failure = failures.bad_status(status, terms.address)
            self._fail(failure, failures.retry_after_ms(status, headers, terms.now_ms()))
            return
        expected = content_type(terms.codec.version)
        if headers.get("content-type") != expected:
            self._fail(failures.bad_content_type(expected, headers.get("content-type")))
            return
        self.state = State.TALKING
        self._opening = []
        self._engine.heard()

    def _ask_again(self) -> None:
        """The other side has not looked at the request: another one, from the start."""
        self._refusals += 1
        if self._refusals > REFUSALS_MAX:
            self._fail(failures.unreachable(f"{self._terms.address} refused the request {REFUSALS_MAX} times"))
            return
        self.state = State.CONNECTING
        self._stream = None
        self._input_ended = False
        self._outgoing = deque(self._opening)
        self._unread_bytes = sum(len(item) for item in self._outgoing if isinstance(item, bytes))
        self.begin()

    def _listen(self, data: bytes) -> None:
        messages: list[HandlerMessage] = []
        broken: _Broken | None = None
        try:
            for frame in self._reader.feed(data):
                self._take(frame, messages)
                if messages and isinstance(messages[-1], _LAST):
                    break
        except FrameTooLarge as error:
            broken = _Broken(failures.too_large(error))
        except FutureTooDeep as error:
            broken = _Broken(failures.too_deep(error), ErrorBehavior.PAUSE)
        except (UnknownMessage, MalformedMessage) as error:
            broken = _Broken(failures.violation(f"received a broken message: {error}"))
        except _Broken as error:
            broken = error
        self._tell(messages, len(data))
        if broken is not None:
            self._fail(broken.failure, behavior=broken.behavior)

    def _take(self, frame: Frame, messages: list[HandlerMessage]) -> None:
        message: Any = self._terms.codec.decode(frame)
        kind = type(message)
        if kind not in _FROM_HANDLER:
            raise _Broken(failures.violation(f"received unexpected message: {kind.__name__}"))
        if kind is AwaitingOn:
            return
        messages.append(message)
        if kind in _COMMANDS:
            if frame.requires_ack:
                messages.append(CommandAck(self._commands))
            self._commands += 1
        elif kind is ProposeRunCompletion and not (frame.requires_ack and self._terms.codec.version >= RUN_ACKS):
            self._proposals[message.result_completion_id] = message

    def _tell(self, messages: Sequence[HandlerMessage], count: int) -> None:
        """The engine hears of it, and the other side may send more."""
        if messages:
            self._engine.send(messages)
        else:
            self._engine.heard()
        if messages and isinstance(messages[-1], _LAST):
            self._leave(heard_out=True)
        else:
            self._engine.when_taken(partial(self._consumed, count))

    def _consumed(self, count: int) -> None:
        if self._stream is not None:
            self._stream.consumed(count)

    # --- the end ------------------------------------------------------------------------------------

    def _end_early(self) -> None:
        self._fail(failures.ended_early())

    def _lose(self, reason: str) -> None:
        self._fail(failures.unreachable(reason))

    def _lose_refused(self) -> None:
        self._fail(failures.unreachable(f"{self._terms.address} took the request back"))

    def _fail(
        self, failure: AttemptFailure, delay_ms: int | None = None, behavior: ErrorBehavior = ErrorBehavior.RETRY
    ) -> None:
        if self.state is not State.OVER:
            self._leave()
            self._engine.fail(failure, delay_ms, behavior)

    def _leave(self, *, heard_out: bool = False) -> None:
        """Lets the request go, and everything that was kept for it."""
        self.state = State.OVER
        stream, self._stream = self._stream, None
        reservation, self._reservation = self._reservation, None
        self._outgoing.clear()
        self._opening = []
        self._proposals.clear()
        if stream is not None and heard_out:
            stream.finish()
        elif stream is not None:
            stream.reset()
        if reservation is not None:
            reservation.cancel()


_REACTIONS: Final[Mapping[tuple[State, Event], Callable[..., None]]] = {
    (State.CONNECTING, Event.BROKEN): RemoteAttempt._lose,
    (State.OPENING, Event.RESPONDED): RemoteAttempt._begin_talk,
    (State.OPENING, Event.REFUSED): RemoteAttempt._ask_again,
    (State.OPENING, Event.BROKEN): RemoteAttempt._lose,
    (State.TALKING, Event.RECEIVED): RemoteAttempt._listen,
    (State.TALKING, Event.ENDED): RemoteAttempt._end_early,
    (State.TALKING, Event.REFUSED): RemoteAttempt._lose_refused,
    (State.TALKING, Event.BROKEN): RemoteAttempt._lose,
}
"""What follows from a report. What stands nowhere here comes too late and is nobody's business any more."""
