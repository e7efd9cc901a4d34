"""Serializers between handlers' values and the bytes that journals, state and calls hold."""

from __future__ import annotations

import abc
from typing import Any, Generic, TypeVar

import msgpack  # type: ignore[import-untyped]
import msgspec

from odradek import json_codec

T = TypeVar("T")
I = TypeVar("I")  # noqa: E741


class Serde(abc.ABC, Generic[T]):
    """Turns values into bytes and back; `deserialize(serialize(x)) == x` must hold, also after a restart."""

    @abc.abstractmethod
    def deserialize(self, buf: bytes) -> T | None:
        """The value of these bytes; any exception means that they are not valid."""

    @abc.abstractmethod
    def serialize(self, obj: T | None) -> bytes:
        """The bytes of this value; raises `TypeError` if it has none."""


class BytesSerde(Serde[bytes]):
    """Bytes as they are; None becomes no bytes."""

    def deserialize(self, buf: bytes) -> bytes | None:
        """The same bytes."""
        return buf

    def serialize(self, obj: bytes | None) -> bytes:
        """The same bytes; raises `TypeError` for anything but bytes."""
        if obj is None:
            return b""
        if not isinstance(obj, bytes | bytearray | memoryview):
            raise TypeError(f"expected bytes, got {type(obj).__qualname__}")
        return bytes(obj)


class JsonSerde(Serde[I]):
    """JSON without types: dicts, lists, strings, numbers, booleans, None (which becomes no bytes)."""

    def deserialize(self, buf: bytes) -> I | None:
        """Plain values of a JSON document."""
        value: I | None = json_codec.decode(buf)
        return value

    def serialize(self, obj: I | None) -> bytes:
        """The JSON document of a value."""
        return json_codec.encode(obj)


class DefaultSerde(Serde[I]):
    """JSON that follows the type hint: Pydantic models, msgspec structs, dataclasses and containers of them.

    Without a hint, and for hints of plain JSON values, it gives back plain values. Used wherever no serde is named.
    """

    def __init__(self, type_hint: type[I] | None = None) -> None:
        super().__init__()
        self.type_hint = type_hint
        self._decode = json_codec.decode if type_hint is None else json_codec.decoder(type_hint)

    def with_maybe_type(self, type_hint: type[I] | None = None) -> DefaultSerde[I]:
        """A serde for this hint; the one it is called on stays as it is."""
        return DefaultSerde(type_hint)

    def deserialize(self, buf: bytes) -> I | None:
        """A value of the hinted type, None of no bytes."""
        value: I | None = self._decode(buf)
        return value

    def serialize(self, obj: I | None) -> bytes:
        """The JSON document of a value, whatever the hint says."""
        return json_codec.encode(obj)


class InputSerde(DefaultSerde[I]):
    """What `DefaultSerde` becomes for a handler's input: it also checks plain types, so that bad input fails early."""

    def __init__(self, type_hint: type[I] | None = None) -> None:
        super().__init__(type_hint)
        self._decode = json_codec.decoder(type_hint, strict=True)


class PydanticJsonSerde(Serde[I]):
    """JSON of one Pydantic model."""

    def __init__(self, model: type[I]) -> None:
        self.model = model

    def deserialize(self, buf: bytes) -> I | None:
        """A validated model, None of no bytes."""
        if not buf:
            return None
        value: I = self.model.model_validate_json(buf)  # type: ignore[attr-defined]
        return value

    def serialize(self, obj: I | None) -> bytes:
        """The model's JSON document."""
        return json_codec.encode(obj)


class MsgspecJsonSerde(Serde[I]):
    """JSON of one msgspec struct (or any other type that msgspec knows)."""

    def __init__(self, model: type[I]) -> None:
        self.model = model
        self._decoder = msgspec.json.Decoder(model)

    def deserialize(self, buf: bytes) -> I | None:
        """A validated struct, None of no bytes."""
        return self._decoder.decode(buf) if buf else None

    def serialize(self, obj: I | None) -> bytes:
        """The struct's JSON document."""
        return b"" if obj is None else msgspec.json.encode(obj)


class MessagePackSerde(Serde[I]):
    """MessagePack: smaller than JSON, keeps bytes and integer keys. None becomes no bytes.

    With a type (msgspec struct, dataclass, builtin containers) values are given back as that type, else as plain ones.
    """

    def __init__(self, type_hint: type[I] | None = None) -> None:
        self.type_hint = type_hint

    def deserialize(self, buf: bytes) -> I | None:
        """The value of a MessagePack document."""
        if not buf:
            return None
        plain: Any = msgpack.unpackb(buf, strict_map_key=False)
        return plain if self.type_hint is None else msgspec.convert(plain, self.type_hint)

    def serialize(self, obj: I | None) -> bytes:
        """The MessagePack document of a value."""
        if obj is None:
            return b""
        packed: bytes = msgpack.packb(obj, default=_to_plain)
        return packed


def _to_plain(value: Any) -> Any:
    return msgspec.to_builtins(value, builtin_types=(bytes,))
