"""How the attributes of a message lie on the wire: kinds of fields, and layouts made of them.

A layout is data: one line for each field, as the service protocol's tables have them. Reading skips fields that are
not known; of a field that comes twice the last one counts; what is absent takes its default.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import IntEnum
from itertools import starmap
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
E = TypeVar("E", bound=IntEnum)

UINT32_MAX: Final = (1 << 32) - 1
UINT64_MAX: Final = (1 << 64) - 1

Write: TypeAlias = Callable[[bytearray, Any], None]
ReadNumber: TypeAlias = Callable[[int], Any]
ReadBytes: TypeAlias = Callable[[bytes, int, int], Any]
"""From a buffer, the place where the value begins and the one where it ends."""


class Field:
    """One attribute. `default`: what it is where the wire has nothing; `collect`: makes it of repeated values."""

    __slots__ = ("attribute", "collect", "default", "numbers", "spans", "write")

    def __init__(
        self,
        attribute: str,
        write: Write,
        *,
        numbers: Mapping[int, ReadNumber] | None = None,
        spans: Mapping[int, ReadBytes] | None = None,
        default: Any = None,
        collect: Callable[[Iterable[Any]], Any] | None = None,
    ) -> None:
        self.attribute = attribute
        self.write = write
        self.numbers = numbers or {}
        self.spans = spans or {}
        self.default = default
        self.collect = collect


# --- kinds of fields ------------------------------------------------------------------------------


def uint32(number: int, attribute: str) -> Field:
    """A number; 0 is not written."""
    return _uint(number, attribute, UINT32_MAX)


def uint64(number: int, attribute: str) -> Field:
    """A large number; 0 is not written."""
    return _uint(number, attribute, UINT64_MAX)


def _uint(number: int, attribute: str, largest: int) -> Field:
    put = put_number(number)

    def write(out: bytearray, value: int) -> None:
        if value:
            put(out, value)

    return Field(attribute, write, numbers={number: bounded(largest)}, default=0)


def optional_uint32(number: int, attribute: str) -> Field:
    """A number, or None."""
    return Field(attribute, _unless_none(put_number(number)), numbers={number: bounded(UINT32_MAX)})


def optional_uint64(number: int, attribute: str) -> Field:
    """A large number, or None."""
    return Field(attribute, _unless_none(put_number(number)), numbers={number: bounded(UINT64_MAX)})


def boolean(number: int, attribute: str) -> Field:
    """True or False; False is not written."""
    put = put_number(number)

    def write(out: bytearray, value: bool) -> None:
        if value:
            put(out, 1)

    return Field(attribute, write, numbers={number: bool}, default=False)


def choice(number: int, attribute: str, kind: type[E]) -> Field:
    """A member of an enumeration; one that is not known is read as the member 0."""
    put = put_number(number)
    members = {member.value: member for member in kind}

    def write(out: bytearray, value: E) -> None:
        if value:
            put(out, value)

    return Field(attribute, write, numbers={number: lambda value: members.get(value, members[0])}, default=members[0])


def text(number: int, attribute: str) -> Field:
    """A string; the empty one is not written."""
    put = put_text(number)

    def write(out: bytearray, value: str) -> None:
        if value:
            put(out, value)

    return Field(attribute, write, spans={number: take_text}, default="")


def optional_text(number: int, attribute: str) -> Field:
    """A string, or None."""
    return Field(attribute, _unless_none(put_text(number)), spans={number: take_text})


def raw(number: int, attribute: str) -> Field:
    """Bytes; empty ones are not written."""
    put = put_bytes(number)

    def write(out: bytearray, value: bytes) -> None:
        if value:
            put(out, value)

    return Field(attribute, write, spans={number: take_bytes}, default=b"")


def optional_raw(number: int, attribute: str) -> Field:
    """Bytes, or None."""
    return Field(attribute, _unless_none(put_bytes(number)), spans={number: take_bytes})


def value(number: int, attribute: str) -> Field:
    """Bytes in a message of their own (`Value`), or None."""
    return Field(attribute, _unless_none(put_value(number)), spans={number: take_value})


def required_value(number: int, attribute: str) -> Field:
    """Bytes in a message of their own, always written; absent ones are empty."""
    return Field(attribute, put_value(number), spans={number: take_value}, default=b"")


def nested(number: int, attribute: str, layout: Layout[Any]) -> Field:
    """A message within the message, or None."""
    return Field(attribute, _unless_none(put_nested(number, layout.write)), spans={number: layout.take})


def repeated(number: int, attribute: str, layout: Layout[Any]) -> Field:
    """A tuple of messages within the message."""
    return _repeated(number, attribute, layout, iter, tuple)


def repeated_raw(number: int, attribute: str) -> Field:
    """A tuple of bytes."""
    put = put_bytes(number)

    def write(out: bytearray, items: tuple[bytes, ...]) -> None:
        for item in items:
            put(out, item)

    return Field(attribute, write, spans={number: take_bytes}, default=(), collect=tuple)


class Pair(NamedTuple):
    """An entry of a map, a message of its own on the wire."""

    key: Any
    value: Any


def pairs(number: int, attribute: str, key: Field, content: Field) -> Field:
    """A tuple of pairs."""
    return _repeated(number, attribute, Layout(Pair, key, content), lambda items: starmap(Pair, items), tuple)


def mapping(number: int, attribute: str, key: Field, content: Field) -> Field:
    """A dictionary."""
    return _repeated(number, attribute, Layout(Pair, key, content), lambda items: starmap(Pair, items.items()), dict)


def _repeated(
    number: int,
    attribute: str,
    layout: Layout[Any],
    items_of: Callable[[Any], Iterable[Any]],
    collect: Callable[[Iterable[Any]], Any],
) -> Field:
    put = put_nested(number, layout.write)

    def write(out: bytearray, items: Any) -> None:
        for item in items_of(items):
            put(out, item)

    return Field(attribute, write, spans={number: layout.take}, default=collect(()), collect=collect)


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


def put_value(number: int) -> Write:
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


def put_nested(number: int, write: Write) -> Write:
    """Writes a message within the message."""
    put = put_bytes(number)

    def put_message(out: bytearray, item: Any) -> None:
        inner = bytearray()
        write(inner, item)
        put(out, inner)

    return put_message


def put_bytes(number: int) -> Write:
    """Writes bytes."""
    key = varint(key_of(number, LENGTH))

    def put(out: bytearray, content: bytes) -> None:
        out += key
        put_varint(out, len(content))
        out += content

    return put


def put_text(number: int) -> Write:
    """Writes a string."""
    put = put_bytes(number)
    return lambda out, content: put(out, content.encode())


def put_number(number: int) -> Write:
    """Writes a number."""
    key = varint(key_of(number, VARINT))

    def put(out: bytearray, content: int) -> None:
        out += key
        put_varint(out, content)

    return put


def _unless_none(put: Write) -> Write:
    def write(out: bytearray, content: Any) -> None:
        if content is not None:
            put(out, content)

    return write


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
        self._writes = [(field.attribute, field.write) for field in fields]
        self._defaults = {field.attribute: field.default for field in fields}
        self._collects = {field.attribute: field.collect for field in fields if field.collect is not None}
        self._numbers = {key_of(n, VARINT): (f.attribute, read) for f in fields for n, read in f.numbers.items()}
        self._spans = {key_of(n, LENGTH): (f.attribute, read) for f in fields for n, read in f.spans.items()}
        self._nothing = None if nothing is None else varint(key_of(nothing, LENGTH)) + b"\0"
        self._results = [field.attribute for field in fields if field.attribute in ("value", "failure")]

    def write(self, out: bytearray, message: T) -> None:
        """Appends a message's fields."""
        for attribute, put in self._writes:
            put(out, getattr(message, attribute))
        if self._nothing is not None and all(getattr(message, each) is None for each in self._results):
            out += self._nothing

    def take(self, data: bytes, at: int, end: int) -> T:
        """The message that stands between two places of a buffer; raises `MalformedMessage`."""
        values = self._defaults.copy()
        numbers, spans = self._numbers, self._spans
        lists: dict[str, list[Any]] = {}
        while at < end:
            key = data[at]
            at += 1
            if key > 0x7F:
                key, at = take_varint(data, at - 1, end)
            if key in spans:
                attribute, read_span = spans[key]
                start, at = take_length(data, at, end)
                item = read_span(data, start, at)
                if attribute in self._collects:
                    lists.setdefault(attribute, []).append(item)
                else:
                    values[attribute] = item
            elif key in numbers:
                attribute, read_number = numbers[key]
                number, at = take_varint(data, at, end)
                values[attribute] = read_number(number)
            else:
                at = skip(data, at, end, key)
        for attribute, items in lists.items():
            values[attribute] = self._collects[attribute](items)
        return self._make(**values)
