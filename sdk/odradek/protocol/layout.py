"""How the attributes of a message lie on the wire: kinds of fields, and layouts made of them.

A layout is data: one line for each field, as the service protocol's tables have them. Reading skips fields that are
not known; of a field that comes twice the last one counts; what is absent takes its default.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import IntEnum
from typing import Any, Final, Generic, NamedTuple, TypeAlias, TypeVar

from odradek.protocol.wire import (
    LENGTH,
    VARINT,
    MalformedMessage,
    key_of,
    put_varint,
    skip,
    take_length,
    take_varint,
    varint,
)

T = TypeVar("T")

UINT32_MAX: Final = (1 << 32) - 1

Put: TypeAlias = Callable[[bytearray, Any], None]
ReadNumber: TypeAlias = Callable[[int], Any]
ReadSpan: TypeAlias = Callable[[bytes, int, int], Any]
"""From a buffer, the place where the value begins and the one where it ends."""

ALWAYS: Final = object()
"""Equal to no value: a field that is written whatever it is."""


class Field:
    """One attribute. `default`: what it is where the wire has nothing; `omit`: the value that is not written.

    `collect` makes the attribute of repeated values.
    """

    __slots__ = ("attribute", "collect", "default", "numbers", "omit", "put", "spans")

    def __init__(
        self,
        attribute: str,
        put: Put,
        *,
        numbers: Mapping[int, ReadNumber] | None = None,
        spans: Mapping[int, ReadSpan] | None = None,
        default: Any = None,
        omit: Any = ALWAYS,
        collect: Callable[[Iterable[Any]], Any] | None = None,
    ) -> None:
        self.attribute = attribute
        self.put = put
        self.numbers = numbers or {}
        self.spans = spans or {}
        self.default = default
        self.omit = omit
        self.collect = collect


# --- kinds of fields ------------------------------------------------------------------------------


def uint32(number: int, attribute: str) -> Field:
    """A number; 0 is not written."""
    return Field(attribute, put_number(number), numbers={number: bounded(UINT32_MAX)}, default=0, omit=0)


def uint64(number: int, attribute: str) -> Field:
    """A large number; 0 is not written."""
    return Field(attribute, put_number(number), numbers={number: int}, default=0, omit=0)


def optional_uint32(number: int, attribute: str) -> Field:
    """A number, or None."""
    return Field(attribute, put_number(number), numbers={number: bounded(UINT32_MAX)}, omit=None)


def optional_uint64(number: int, attribute: str) -> Field:
    """A large number, or None."""
    return Field(attribute, put_number(number), numbers={number: int}, omit=None)


def boolean(number: int, attribute: str) -> Field:
    """True or False; False is not written."""
    return Field(attribute, put_number(number), numbers={number: bool}, default=False, omit=False)


def choice(number: int, attribute: str, kind: type[IntEnum]) -> Field:
    """A member of an enumeration; one that is not known is read as the member 0, which is not written."""
    members = {member.value: member for member in kind}
    read = {number: lambda content: members.get(content, members[0])}
    return Field(attribute, put_number(number), numbers=read, default=members[0], omit=members[0])


def text(number: int, attribute: str) -> Field:
    """A string; the empty one is not written."""
    return Field(attribute, put_text(number), spans={number: take_text}, default="", omit="")


def optional_text(number: int, attribute: str) -> Field:
    """A string, or None."""
    return Field(attribute, put_text(number), spans={number: take_text}, omit=None)


def raw(number: int, attribute: str) -> Field:
    """Bytes; empty ones are not written."""
    return Field(attribute, put_bytes(number), spans={number: take_bytes}, default=b"", omit=b"")


def optional_raw(number: int, attribute: str) -> Field:
    """Bytes, or None."""
    return Field(attribute, put_bytes(number), spans={number: take_bytes}, omit=None)


def value(number: int, attribute: str) -> Field:
    """Bytes in a message of their own (`Value`), or None."""
    return Field(attribute, put_value(number), spans={number: take_value}, omit=None)


def required_value(number: int, attribute: str) -> Field:
    """Bytes in a message of their own, always written; absent ones are empty."""
    return Field(attribute, put_value(number), spans={number: take_value}, default=b"")


def nested(number: int, attribute: str, layout: Layout[Any]) -> Field:
    """A message within the message, or None."""
    return Field(attribute, put_nested(number, layout.write), spans={number: layout.take}, omit=None)


def repeated(number: int, attribute: str, layout: Layout[Any]) -> Field:
    """A tuple of messages within the message."""
    return _repeated(attribute, number, put_nested(number, layout.write), layout.take)


def repeated_raw(number: int, attribute: str) -> Field:
    """A tuple of bytes."""
    return _repeated(attribute, number, put_bytes(number), take_bytes)


class Pair(NamedTuple):
    """An entry of a map, a message of its own on the wire."""

    key: Any
    value: Any


def pairs(number: int, attribute: str, key: Field, content: Field) -> Field:
    """A tuple of pairs."""
    layout = Layout(Pair, key, content)
    put = put_nested(number, layout.write)
    return _repeated(attribute, number, lambda out, pair: put(out, Pair(*pair)), layout.take)


def mapping(number: int, attribute: str, key: Field, content: Field) -> Field:
    """A dictionary."""
    layout = Layout(Pair, key, content)
    put_pair = put_nested(number, layout.write)

    def put(out: bytearray, items: dict[Any, Any]) -> None:
        for pair in items.items():
            put_pair(out, Pair(*pair))

    return Field(attribute, put, spans={number: layout.take}, omit={}, collect=dict)


def _repeated(attribute: str, number: int, put_item: Put, take: ReadSpan) -> Field:
    def put(out: bytearray, items: tuple[Any, ...]) -> None:
        for item in items:
            put_item(out, item)

    return Field(attribute, put, spans={number: take}, omit=(), collect=tuple)


# --- values ---------------------------------------------------------------------------------------


def take_text(data: bytes, start: int, end: int) -> str:
    """A string."""
    try:
        return data[start:end].decode()
    except UnicodeDecodeError:
        raise MalformedMessage("a text is not UTF-8") from None


def take_bytes(data: bytes, start: int, end: int) -> bytes:
    """Bytes."""
    return data[start:end]


_CONTENT: Final = key_of(1, LENGTH)


def take_value(data: bytes, start: int, end: int) -> bytes:
    """The content of a `Value`."""
    content = b""
    while start < end:
        key, start = take_varint(data, start, end)
        if key == _CONTENT:
            begin, start = take_length(data, start, end)
            content = data[begin:start]
        else:
            start = skip(data, start, end, key)
    return content


def put_value(number: int) -> Put:
    """Writes a `Value`."""
    key = varint(key_of(number, LENGTH))

    def put(out: bytearray, content: bytes) -> None:
        out += key
        length = len(content)
        if not length:
            out.append(0)
            return
        inner = varint(length)
        put_varint(out, 1 + len(inner) + length)
        out.append(_CONTENT)
        out += inner
        out += content

    return put


def put_nested(number: int, write: Put) -> Put:
    """Writes a message within the message."""
    put = put_bytes(number)

    def put_message(out: bytearray, item: Any) -> None:
        inner = bytearray()
        write(inner, item)
        put(out, inner)

    return put_message


def put_bytes(number: int) -> Put:
    """Writes bytes."""
    key = varint(key_of(number, LENGTH))

    def put(out: bytearray, content: bytes) -> None:
        out += key
        length = len(content)
        if length < 0x80:
            out.append(length)
        else:
            put_varint(out, length)
        out += content

    return put


def put_text(number: int) -> Put:
    """Writes a string."""
    put = put_bytes(number)
    return lambda out, content: put(out, content.encode())


def put_number(number: int) -> Put:
    """Writes a number."""
    key = varint(key_of(number, VARINT))

    def put(out: bytearray, content: int) -> None:
        out += key
        if content < 0x80:
            out.append(content)
        else:
            put_varint(out, content)

    return put


def bounded(largest: int) -> ReadNumber:
    """A number that may be too large."""

    def read(number: int) -> int:
        if number > largest:
            raise MalformedMessage(f"{number} is larger than its field allows")
        return number

    return read


# --- layouts --------------------------------------------------------------------------------------


class Layout(Generic[T]):
    """A message and its fields. `nothing`: the number of the empty field that says "neither value nor failure"."""

    def __init__(self, make: Callable[..., T], *fields: Field, nothing: int | None = None) -> None:
        self._make = make
        self._puts = [(field.attribute, field.omit, field.put) for field in fields]
        self._defaults = {field.attribute: field.default for field in fields}
        self._collects = {field.attribute: field.collect for field in fields if field.collect is not None}
        self._reads = _reads(fields)
        self._nothing = None if nothing is None else varint(key_of(nothing, LENGTH)) + b"\0"
        self._results = [field.attribute for field in fields if field.attribute in ("value", "failure")]

    def write(self, out: bytearray, message: T) -> None:
        """Appends a message's fields."""
        for attribute, omit, put in self._puts:
            content = getattr(message, attribute)
            if content != omit:
                put(out, content)
        if self._nothing is not None and all(getattr(message, each) is None for each in self._results):
            out += self._nothing

    def take(self, data: bytes, at: int, end: int) -> T:
        """The message that stands between two places of a buffer; raises `MalformedMessage`."""
        values = self._defaults.copy()
        lists: dict[str, list[Any]] = {}
        reads = self._reads
        while at < end:
            key = data[at]
            at += 1
            if key > 0x7F:
                key, at = take_varint(data, at - 1, end)
            found = reads.get(key)
            if found is None:
                at = skip(data, at, end, key)
                continue
            attribute, read_number, read_span = found
            if at < end and data[at] < 0x80:
                number = data[at]
                at += 1
            else:
                number, at = take_varint(data, at, end)
            if read_number is not None:
                values[attribute] = read_number(number)
                continue
            start, at = at, at + number
            if at > end:
                raise MalformedMessage("a field is longer than its message")
            assert read_span is not None
            content = read_span(data, start, at)
            if attribute in self._collects:
                lists.setdefault(attribute, []).append(content)
            else:
                values[attribute] = content
        for attribute, collect in self._collects.items():
            values[attribute] = collect(lists.get(attribute, ()))
        return self._make(**values)


def _reads(fields: Iterable[Field]) -> dict[int, tuple[str, ReadNumber | None, ReadSpan | None]]:
    """By key: which attribute, and how its value is read."""
    reads: dict[int, tuple[str, ReadNumber | None, ReadSpan | None]] = {}
    for field in fields:
        for number, read_number in field.numbers.items():
            reads[key_of(number, VARINT)] = (field.attribute, read_number, None)
        for number, read_span in field.spans.items():
            reads[key_of(number, LENGTH)] = (field.attribute, None, read_span)
    return reads
