"""SQL functions that look into JSON text, under the names that Restate's SQL has them.

Each takes the text and one key: a name, or the number of an array's element. What is not there, or of another type, is
null; so is what text that is no JSON holds. Imported by the first query only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec
import pyarrow  # type: ignore[import-untyped]
from datafusion import SessionContext, udf

Value = Any
"""Of JSON."""
_TEXT: Final = pyarrow.large_string()
_TEXTS: Final = pyarrow.list_(pyarrow.large_string())


class _Absent:
    """What there is not, unlike null."""


_ABSENT: Final = _Absent()


def _read(text: str | None) -> Value:
    if text is None:
        return _ABSENT
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return _ABSENT


def _inside(text: str | None, key: str | None) -> Value:
    whole = _read(text)
    if isinstance(whole, dict):
        return whole.get(key, _ABSENT)
    if isinstance(whole, list) and key is not None and key.isdecimal() and int(key) < len(whole):
        return whole[int(key)]
    return _ABSENT


def _written(value: Value) -> str:
    return msgspec.json.encode(value).decode()


def _as_text(value: Value) -> str | None:
    return value if isinstance(value, str) else _as_json(value, null=None)


def _as_json(value: Value, null: str | None = "null") -> str | None:
    if isinstance(value, _Absent):
        return None
    return null if value is None else _written(value)


def _as_integer(value: Value) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63 else None


def _as_float(value: Value) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _as_boolean(value: Value) -> bool | None:
    return value if isinstance(value, bool) else None


def _as_string(value: Value) -> str | None:
    return value if isinstance(value, str) else None


def _as_list(value: Value) -> list[str] | None:
    return [_written(each) for each in value] if isinstance(value, list) else None


def _length(value: Value) -> int | None:
    return len(value) if isinstance(value, (dict, list)) else None


def _names(value: Value) -> list[str] | None:
    return list(value) if isinstance(value, dict) else None


_OF_ONE: Final[dict[str, tuple[Callable[[Value], Any], pyarrow.DataType]]] = {
    "json_get": (_as_text, _TEXT),
    "json_as_text": (_as_text, _TEXT),
    "json_get_str": (_as_string, _TEXT),
    "json_get_int": (_as_integer, pyarrow.int64()),
    "json_get_float": (_as_float, pyarrow.float64()),
    "json_get_bool": (_as_boolean, pyarrow.bool_()),
    "json_get_json": (_as_json, _TEXT),
    "json_get_array": (_as_list, _TEXTS),
    "json_contains": (lambda value: not isinstance(value, _Absent), pyarrow.bool_()),
}
"""Of what stands under a key."""
_OF_ALL: Final[dict[str, tuple[Callable[[Value], Any], pyarrow.DataType]]] = {
    "json_length": (_length, pyarrow.uint64()),
    "json_len": (_length, pyarrow.uint64()),
    "json_object_keys": (_names, _TEXTS),
    "json_keys": (_names, _TEXTS),
}
"""Of the whole text."""


def register_json_functions(context: SessionContext) -> None:
    """Makes them known to the queries of a session."""
    for name, (shape, kind) in _OF_ONE.items():
        context.register_udf(udf(_over_keys(shape, kind), [_TEXT, _TEXT], kind, "immutable", name))
    for name, (shape, kind) in _OF_ALL.items():
        context.register_udf(udf(_over_texts(shape, kind), [_TEXT], kind, "immutable", name))


def _over_keys(shape: Callable[[Value], Any], kind: pyarrow.DataType) -> Callable[..., pyarrow.Array]:
    def over(texts: pyarrow.Array, keys: pyarrow.Array) -> pyarrow.Array:
        pairs = zip(_each(texts), _each(keys), strict=True)
        return pyarrow.array([shape(_inside(text, key)) for text, key in pairs], kind)

    return over


def _over_texts(shape: Callable[[Value], Any], kind: pyarrow.DataType) -> Callable[..., pyarrow.Array]:
    def over(texts: pyarrow.Array) -> pyarrow.Array:
        return pyarrow.array([shape(_read(text)) for text in _each(texts)], kind)

    return over


def _each(texts: pyarrow.Array) -> Iterator[str | None]:
    return (text.as_py() for text in texts)
