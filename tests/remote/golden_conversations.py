"""Conversations with remote handlers, as `tests/golden/remote_conversations.txt` holds them byte by byte.

Each is played in every version of the protocol. `python golden_conversations.py` prints the file; a line that changes
is a change of what goes over the wire, or of what follows from it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

if __name__ == "__main__":
    root = Path(__file__).parents[2]
    sys.path[:0] = [str(root / folder) for folder in ("tests", "sdk", "engine")]

from scripted_transport import ScriptedStream, Talk

from odradek.protocol import messages as m
from odradek.protocol.codec import CODECS, content_type
from odradek_engine.invoker.remote.attempt import State

Step = Callable[["Recording"], None]

WAITING: Final = m.Future((2,), (1,), combinator=m.Combinator.FIRST_COMPLETED)


class Recording:
    """A conversation under way, and the lines that tell of it."""

    def __init__(self, version: int, *, duplex: bool = True) -> None:
        self.talk = Talk(version, duplex=duplex)
        self.version = version
        self.lines: list[str] = []
        self.seen: set[tuple[State, str]] = set()
        """States, and what the transport reported in them."""
        self.shown = 0
        """Bytes of the engine that have their lines already."""

    def note(self, what: str) -> None:
        self.lines.append(what)

    def report(self, event: str, act: Callable[[], None]) -> None:
        self.seen.add((self.talk.attempt.state, event))
        act()
        self.show()

    def show(self) -> None:
        """What went out since the last time, and whether it is over."""
        written = bytes(self.talk.stream.written[self.shown :])
        self.shown = len(self.talk.stream.written)
        if written:
            self.note(f"engine  {written.hex()}")
        if self.talk.stream.ended and "engine  ends" not in self.lines:
            self.note("engine  ends")

    def outcome(self) -> str:
        engine = self.talk.engine
        heard = " ".join(type(message).__name__ for message in engine.messages) or "nothing"
        failed = "".join(f", failed {failure.error_code}" for failure, _, _ in engine.failures)
        reset = ", reset" if self.talk.stream.was_reset else ""
        return f"heard   {heard}{failed}{reset}, {self.talk.attempt.state.name}"


def opened(recording: Recording) -> None:
    recording.talk.open()
    recording.show()


def responded(status: int = 200, kind: str | None = None) -> Step:
    def step(recording: Recording) -> None:
        headers = {"content-type": kind or content_type(recording.version)}
        recording.note(f"handler answers {status} {headers['content-type']}")
        recording.report("RESPONDED", partial(recording.talk.attempt.responded, status, headers))

    return step


def says(*messages: m.Message) -> Step:
    def step(recording: Recording) -> None:
        said = b"".join(recording.talk.codec.encode(message) for message in messages)
        recording.note(f"handler {said.hex()}")
        recording.report("RECEIVED", partial(recording.talk.attempt.received, said))

    return step


def says_bytes(said: str) -> Step:
    def step(recording: Recording) -> None:
        recording.note(f"handler {said}")
        recording.report("RECEIVED", partial(recording.talk.attempt.received, bytes.fromhex(said)))

    return step


def delivers(*messages: Any) -> Step:
    def step(recording: Recording) -> None:
        recording.talk.attempt.deliver(messages)
        recording.show()

    return step


def closes(recording: Recording) -> None:
    recording.talk.attempt.close_input()
    recording.show()


def ended(recording: Recording) -> None:
    recording.note("handler ends")
    recording.report("ENDED", recording.talk.attempt.ended)


def refused(recording: Recording) -> None:
    recording.note("refused")
    recording.report("REFUSED", recording.talk.attempt.refused)
    if recording.talk.attempt.state is State.CONNECTING:
        recording.talk.stream = ScriptedStream()
        recording.shown = 0


def broken(recording: Recording) -> None:
    recording.note("broken")
    recording.report("BROKEN", partial(recording.talk.attempt.broken, "gone"))


OUTPUT: Final = says(m.OutputCommand(b"out"), m.End())
BEGUN: Final = (opened, responded())

CONVERSATIONS: Final[dict[str, tuple[Step, ...]]] = {
    "a plain answer": (*BEGUN, OUTPUT),
    "a run": (
        *BEGUN,
        says(m.RunCommand(1, "step"), m.ProposeRunCompletion(1, b"r")),
        delivers(m.ProposeRunCompletionAck(1)),
        OUTPUT,
    ),
    "a run that failed": (
        *BEGUN,
        says(m.RunCommand(1, "step"), m.ProposeRunCompletion(1, failure=m.Failure(500, "no"))),
        delivers(m.ProposeRunCompletionAck(1)),
        says(m.OutputCommand(failure=m.Failure(500, "no")), m.End()),
    ),
    "a call": (
        *BEGUN,
        says(m.CallCommand("S", "h", b"1", (), "k", None, 1, 2, "")),
        delivers(m.CallInvocationIdCompletion(1, "inv_1x"), m.CallCompletion(2, b"2")),
        OUTPUT,
    ),
    "a sleep that suspends": (*BEGUN, says(m.SleepCommand(9, 2, "")), closes, says(m.Suspension(WAITING))),
    "state": (*BEGUN, says(m.SetStateCommand(b"n", b"1"), m.ClearStateCommand(b"o")), OUTPUT),
    "a signal while it waits": (*BEGUN, says(m.SleepCommand(9, 2, "")), delivers(m.SignalNotification(1)), OUTPUT),
    "the handler's own error": (*BEGUN, says(m.Error(570, "mismatch", "", 1, "step", 0x0411))),
    "no connection": (broken,),
    "a request that is made again": (opened, refused, *BEGUN, OUTPUT),
    "a request that is lost": (opened, broken),
    "no answer but a status": (opened, responded(503)),
    "an answer of another kind": (opened, responded(200, "text/html")),
    "an end without a word": (*BEGUN, ended),
    "a break": (*BEGUN, says(m.RunCommand(1, "step")), broken),
    "a refusal that comes too late": (*BEGUN, refused),
    "garbage": (*BEGUN, says_bytes("7fff000000000000")),
    "a frame that is too large": (*BEGUN, says_bytes("04010000ffffffff")),
    "what only the engine may say": (*BEGUN, says_bytes("8002000000000002" + "0801")),
    "words after the last one": (*BEGUN, OUTPUT, says(m.RunCommand(1, "late")), ended, broken),
}


def play(name: str, version: int) -> Recording:
    recording = Recording(version)
    for step in CONVERSATIONS[name]:
        step(recording)
    recording.note(recording.outcome())
    return recording


def all_lines() -> Iterator[str]:
    for version in CODECS:
        for name in CONVERSATIONS:
            yield f"# version {version}: {name}"
            yield from play(name, version).lines


if __name__ == "__main__":
    print("\n".join(all_lines()))
