"""Rows of an answer as JSON: nulls left out, bytes in hexadecimal, times and durations in ISO 8601.

Works column by column on Arrow batches. Imported by the first query only, as Arrow is heavy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pyarrow  # type: ignore[import-untyped]
from pyarrow import types

_UNITS_PER_SECOND: Final = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAYS_MAX: Final = 2_932_896
"""9999-12-31; instants beyond it are shown as numbers."""


def batch_rows(batch: pyarrow.RecordBatch) -> list[dict[str, Any]]:
    """The rows of a batch."""
    names = batch.schema.names
    columns = [_values(column) for column in batch.columns]
    if not columns:
        return [{} for _ in range(batch.num_rows)]
    return [
        {name: value for name, value in zip(names, row, strict=True) if value is not None}
        for row in zip(*columns, strict=True)
    ]


def _values(array: pyarrow.Array) -> list[Any]:
    """A column's values, ready for JSON."""
    kind = array.type
    if types.is_timestamp(kind):
        suffix = "" if kind.tz is None else "Z"
        return _mapped(array.cast(pyarrow.int64()), lambda value: _instant(value, kind.unit, suffix))
    if types.is_duration(kind):
        return _mapped(array.cast(pyarrow.int64()), lambda value: _duration(value, _UNITS_PER_SECOND[kind.unit]))
    if types.is_integer(kind) or types.is_boolean(kind) or types.is_string(kind) or types.is_large_string(kind):
        values: list[Any] = array.to_pylist()
        return values
    return _mapped(array, _nested)


def _mapped(array: pyarrow.Array, show: Callable[[Any], Any]) -> list[Any]:
    return [None if value is None else show(value) for value in array.to_pylist()]


def _nested(value: Any) -> Any:
    """Values of rarer types, and those inside lists and structures."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return {name: _nested(item) for name, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_nested(item) for item in value]
    if isinstance(value, timedelta):
        return _duration(value // timedelta(microseconds=1), _UNITS_PER_SECOND["us"])
    return str(value)


def _instant(value: int, unit: str, suffix: str) -> Any:
    """`2026-11-22T01:29:40.130Z`, with as many digits as the unit has."""
    units = _UNITS_PER_SECOND[unit]
    seconds, fraction = divmod(value, units)
    if abs(seconds) > _DAYS_MAX * 86_400 or seconds < -62_135_596_800:
        return value
    moment = _EPOCH + timedelta(seconds=seconds)
    digits = f".{fraction:0{len(str(units)) - 1}}" if units > 1 else ""
    return f"{moment:%Y-%m-%dT%H:%M:%S}{digits}{suffix}"


def _duration(value: int, units: int) -> str:
    """`PT86400S`, `PT0.002S`; no time at all is `P0D`."""
    if value == 0:
        return "P0D"
    sign = "-" if value < 0 else ""
    seconds, fraction = divmod(abs(value), units)
    digits = f".{fraction:0{len(str(units)) - 1}}".rstrip("0") if fraction else ""
    return f"{sign}PT{seconds}{digits}S"
