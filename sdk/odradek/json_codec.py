"""JSON in and out by type: plain values, msgspec structs, dataclasses, Pydantic models, and containers of these.

Invariant: what `encode` accepts, `decoder` of the same type gives back equal. Values that JSON has no form for
(bytes, arbitrary objects) are refused instead of being turned into something else.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import is_dataclass
from types import NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin, is_typeddict

import msgspec

Decode = Callable[[bytes], Any]

MAX_CACHED_DECODERS: Final = 4096
"""Types are few in a program; one that makes them without end only loses the cache now and then."""

_SCALARS: Final = frozenset((str, int, bool))
_PLAIN: Final = frozenset((str, int, float, bool, NoneType, list, dict, Any, object))
_REFUSED: Final = (bytes, bytearray, memoryview)


def is_pydantic(annotation: Any) -> bool:
    """True for Pydantic model classes; does not import Pydantic."""
    return isinstance(annotation, type) and hasattr(annotation, "__pydantic_validator__")


def encode(value: Any) -> bytes:
    """JSON of a value, None as no bytes at all; raises `TypeError` for what JSON cannot hold."""
    if value is None:
        return b""
    kind = type(value)
    if kind in _SCALARS:
        return msgspec.json.encode(value)
    if is_pydantic(kind):
        document: str = value.model_dump_json()
        return document.encode()
    if isinstance(value, msgspec.Struct) or is_dataclass(kind):
        return msgspec.json.encode(value, enc_hook=_to_builtins)
    return _ENCODER.encode(value).encode()


def _to_builtins(value: Any) -> Any:
    """What the JSON encoder does not know itself: models within containers, dates, UUIDs, decimals, enums."""
    if isinstance(value, _REFUSED):
        raise TypeError("bytes have no JSON form: use BytesSerde or MessagePackSerde")
    if is_pydantic(type(value)):
        return value.model_dump(mode="json")
    return msgspec.to_builtins(value, enc_hook=_refuse)


def _refuse(value: Any) -> Any:
    raise TypeError(f"a value of type {type(value).__qualname__} has no JSON form")


_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_to_builtins)


def decode(document: bytes) -> Any:
    """Plain values of a JSON document, None of an empty one; raises `ValueError`."""
    if not document:
        return None
    try:
        return msgspec.json.decode(document)
    except msgspec.DecodeError:
        return json.loads(document)  # NaN, Infinity and lone surrogates, which Python's encoder writes


_decoders: dict[tuple[Any, bool], Decode] = {}


def decoder(hint: Any, *, strict: bool = False) -> Decode:
    """A function that decodes JSON into the hinted type, None of an empty document.

    Hints of plain JSON values are only checked if `strict`. A `TypedDict` never is: it is a word to type checkers.
    """
    try:
        found = _decoders.get((hint, strict))
    except TypeError:
        return _make_decoder(hint, strict)
    if found is None:
        if len(_decoders) >= MAX_CACHED_DECODERS:
            _decoders.clear()
        found = _decoders[hint, strict] = _make_decoder(hint, strict)
    return found


def _make_decoder(hint: Any, strict: bool) -> Decode:
    typed = _typed_decode(hint, strict)
    if typed is None:
        return decode

    def decode_typed(document: bytes) -> Any:
        return typed(document) if document else None

    return decode_typed


def _typed_decode(hint: Any, strict: bool) -> Decode | None:
    if is_untyped(hint) or _mentions_typed_dict(hint) or (not strict and _is_plain(hint)):
        return None
    if is_pydantic(hint):
        validate: Decode = hint.model_validate_json
        return validate
    if mentions_pydantic(hint):
        import pydantic

        return pydantic.TypeAdapter(hint).validate_json
    try:
        return msgspec.json.Decoder(hint).decode
    except (TypeError, RuntimeError):  # not a type that msgspec knows
        return None


def is_untyped(hint: Any) -> bool:
    """True for hints that say nothing about a JSON document; bytes are for other serdes, not for JSON."""
    return hint is None or hint is Any or hint is object or hint in _REFUSED


def _mentions_typed_dict(hint: Any) -> bool:
    return is_typeddict(hint) or any(_mentions_typed_dict(part) for part in get_args(hint))


def _is_plain(hint: Any) -> bool:
    origin = get_origin(hint)
    if origin is None:
        return hint is Any or (isinstance(hint, type) and hint in _PLAIN)
    return (origin in _PLAIN or origin in (Union, UnionType)) and all(_is_plain(part) for part in get_args(hint))


def mentions_pydantic(hint: Any) -> bool:
    """True if a Pydantic model stands anywhere in the hint."""
    return is_pydantic(hint) or any(mentions_pydantic(part) for part in get_args(hint))
