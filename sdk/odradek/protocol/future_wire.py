"""The wire form of await trees. Without recursion: a tree may be as deep as a handler likes to make it."""

from __future__ import annotations

from typing import Final

from odradek.protocol.future import MAX_FUTURE_DEPTH, FutureTooDeep
from odradek.protocol.layout import UINT32_MAX, take_text
from odradek.protocol.messages import Combinator, Future
from odradek.protocol.wire import LENGTH, VARINT, MalformedMessage, key_of, put_varint, skip, take_length, take_varint

_COMPLETIONS: Final = 1
_SIGNALS: Final = 2
_NAMED_SIGNALS: Final = key_of(3, LENGTH)
_NESTED: Final = key_of(4, LENGTH)
_COMBINATOR: Final = key_of(5, VARINT)
_COMBINATORS: Final = {member.value: member for member in Combinator}


class _Node:
    """One level of a tree while it is read."""

    __slots__ = ("children", "combinator", "completions", "names", "signals")

    def __init__(self) -> None:
        self.completions: list[int] = []
        self.signals: list[int] = []
        self.names: list[str] = []
        self.children: list[int] = []
        self.combinator = Combinator.UNKNOWN

    def future(self, futures: dict[int, Future]) -> Future:
        """The level as a value, its children made before."""
        nested = tuple(futures.pop(child) for child in self.children)
        return Future(tuple(self.completions), tuple(self.signals), tuple(self.names), nested, self.combinator)


def take_future(data: bytes, start: int, end: int) -> Future:
    """The tree between two places of a buffer; raises `MalformedMessage` and `FutureTooDeep`."""
    spans = [(start, end, 1)]
    nodes: list[_Node] = []
    while len(nodes) < len(spans):
        start, end, depth = spans[len(nodes)]
        if depth > MAX_FUTURE_DEPTH:
            raise FutureTooDeep(f"an awaited future is nested deeper than {MAX_FUTURE_DEPTH}")
        nodes.append(_take_node(data, start, end, depth, spans))
    futures: dict[int, Future] = {}
    for index in range(len(nodes) - 1, -1, -1):
        futures[index] = nodes[index].future(futures)
    return futures[0]


def _take_node(data: bytes, at: int, end: int, depth: int, spans: list[tuple[int, int, int]]) -> _Node:
    """Reads one level; its children are put at the end of `spans`."""
    node = _Node()
    lists = {_COMPLETIONS: node.completions, _SIGNALS: node.signals}
    while at < end:
        key, at = take_varint(data, at, end)
        if key >> 3 in lists and key & 7 == LENGTH:
            start, at = take_length(data, at, end)
            _take_packed(data, start, at, lists[key >> 3])
        elif key >> 3 in lists and key & 7 == VARINT:
            number, at = take_varint(data, at, end)
            lists[key >> 3].append(_checked(number))
        elif key == _NAMED_SIGNALS:
            start, at = take_length(data, at, end)
            node.names.append(take_text(data, start, at))
        elif key == _NESTED:
            start, at = take_length(data, at, end)
            node.children.append(len(spans))
            spans.append((start, at, depth + 1))
        elif key == _COMBINATOR:
            number, at = take_varint(data, at, end)
            node.combinator = _COMBINATORS.get(number, Combinator.UNKNOWN)
        else:
            at = skip(data, at, end, key)
    return node


def _take_packed(data: bytes, at: int, end: int, into: list[int]) -> None:
    while at < end:
        number, at = take_varint(data, at, end)
        into.append(_checked(number))


def _checked(number: int) -> int:
    if number > UINT32_MAX:
        raise MalformedMessage(f"{number} is larger than its field allows")
    return number


def future_bytes(future: Future) -> bytes:
    """The tree as it is written."""
    written: dict[int, bytes] = {}
    stack = [(future, False)]
    while stack:
        node, children_done = stack.pop()
        if children_done or not node.nested_futures:
            written[id(node)] = _node_bytes(node, [written[id(child)] for child in node.nested_futures])
        else:
            stack.append((node, True))
            stack += [(child, False) for child in node.nested_futures]
    return written[id(future)]


def _node_bytes(node: Future, children: list[bytes]) -> bytes:
    out = flat_bytes(node)
    for child in children:
        _put(out, _NESTED, child)
    if node.combinator:
        out += bytes((_COMBINATOR, node.combinator))
    return bytes(out)


def flat_bytes(node: Future) -> bytearray:
    """The lists of one level."""
    out = bytearray()
    for number, items in ((_COMPLETIONS, node.waiting_completions), (_SIGNALS, node.waiting_signals)):
        if items:
            packed = bytearray()
            for item in items:
                put_varint(packed, item)
            _put(out, key_of(number, LENGTH), packed)
    for name in node.waiting_named_signals:
        _put(out, _NAMED_SIGNALS, name.encode())
    return out


def _put(out: bytearray, key: int, content: bytes | bytearray) -> None:
    out.append(key)
    put_varint(out, len(content))
    out += content
