"""Messages as frames and back, for each version of the service protocol.

Versions differ little on the wire: readers skip the fields they do not know, so every field is always written. What
differs is how a suspension says what it waits for, and which messages ask for an acknowledgement.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from odradek.protocol.framing import HEADER, REQUIRES_ACK, Frame
from odradek.protocol.future_wire import flat_bytes, take_future
from odradek.protocol.layout import Layout
from odradek.protocol.message_layouts import COMMANDS, CONTROL, NOTIFICATIONS
from odradek.protocol.messages import Combinator, Future, Message, ProposeRunCompletion, Suspension

MIN_VERSION: Final = 5
MAX_VERSION: Final = 7
TREES: Final = 7
"""From this version on a handler says what it waits for as a tree, also while it runs; before, three flat lists."""
RUN_ACKS: Final = 7
"""From this version on a proposed run result is acknowledged by its id; before, by the completion itself."""

_LAYOUTS: Final[Mapping[type, Layout[Any]]] = dict((*CONTROL, *COMMANDS, *NOTIFICATIONS))


class UnknownMessage(ValueError):
    """A frame of a type that the protocol does not have."""


class _FlatSuspension:
    """A suspension as it was before there were trees: whatever comes first ends the wait."""

    @staticmethod
    def write(out: bytearray, message: Suspension) -> None:
        """Appends the leaves of the whole tree."""
        out += flat_bytes(flattened(message.awaiting_on))

    @staticmethod
    def take(data: bytes, at: int, end: int) -> Suspension:
        """The lists as a tree of one level."""
        lists = take_future(data, at, end)
        return Suspension(
            Future(
                lists.waiting_completions,
                lists.waiting_signals,
                lists.waiting_named_signals,
                combinator=Combinator.FIRST_COMPLETED,
            )
        )


def flattened(future: Future) -> Future:
    """A tree of one level that has every leaf of `future` once, in order."""
    completions: dict[int, None] = {}
    signals: dict[int, None] = {}
    names: dict[str, None] = {}
    level = [future]
    while level:
        for node in level:
            completions.update(dict.fromkeys(node.waiting_completions))
            signals.update(dict.fromkeys(node.waiting_signals))
            names.update(dict.fromkeys(node.waiting_named_signals))
        level = [child for node in level for child in node.nested_futures]
    return Future(tuple(completions), tuple(signals), tuple(names), combinator=Combinator.FIRST_COMPLETED)


class Codec:
    """Frames of one protocol version."""

    def __init__(self, version: int) -> None:
        if not MIN_VERSION <= version <= MAX_VERSION:
            raise ValueError(f"there is no service protocol version {version} here")
        self.version = version
        self._writes: dict[type, tuple[int, int, Any]] = {}
        self._takes: dict[int, Any] = {}
        for kind, layout in _LAYOUTS.items():
            self._add(kind, layout)
        if version < TREES:
            self._add(Suspension, _FlatSuspension)

    def _add(self, kind: type, layout: Any) -> None:
        number = kind.__struct_config__.tag  # type: ignore[attr-defined]
        flags = REQUIRES_ACK if kind is ProposeRunCompletion and self.version >= RUN_ACKS else 0
        self._writes[kind] = (number, flags, layout.write)
        self._takes[number] = layout.take

    def encode(self, message: Message) -> bytes:
        """The whole frame of a message."""
        number, flags, write = self._writes[type(message)]
        out = bytearray(HEADER.size)
        write(out, message)
        HEADER.pack_into(out, 0, number, flags, len(out) - HEADER.size)
        return bytes(out)

    def decode(self, frame: Frame) -> Message:
        """The message of a frame. Raises `UnknownMessage`, `MalformedMessage`, `FutureTooDeep`."""
        take = self._takes.get(frame.type)
        if take is None:
            raise UnknownMessage(f"there is no message of type {frame.type:#06x}")
        message: Message = take(frame.body, 0, len(frame.body))
        return message


CODECS: Final[Mapping[int, Codec]] = {version: Codec(version) for version in range(MIN_VERSION, MAX_VERSION + 1)}
"""By version."""


def content_type(version: int) -> str:
    """The media type of a stream of frames."""
    return f"application/vnd.restate.invocation.v{version}"
