"""Lines of text to records: `key<separator>value`, or one JSON object a line.

Bytes that are not UTF-8 are carried as base64, so that a record holds what the line held.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

Record = dict[str, Any]
"""A record as `POST /topics/{topic}/records` takes it."""
LineReader = Callable[[bytes], Record]

_FIELDS: Final = frozenset(("key", "key_base64", "value", "value_base64", "headers", "partition", "timestamp"))


class BadLine(ValueError):
    """A line that is not a record; the text says why."""


def separated(separator: str, *, required: bool, headers: Mapping[str, str]) -> LineReader:
    """Reads `key<separator>value`. A line without separator is a value without key, unless it is `required`."""
    divider = separator.encode()

    def read(line: bytes) -> Record:
        key, found, value = line.partition(divider)
        if found:
            return _with_headers(_field("key", key) | _field("value", value), headers)
        if required:
            raise BadLine(f"has no separator {separator!r} between key and value")
        return _with_headers({"key": None} | _field("value", line), headers)

    return read


def json_lines(headers: Mapping[str, str]) -> LineReader:
    """Reads `{"key": ..., "value": ...}` and the other fields of a record; a value that is no string stays JSON."""

    def read(line: bytes) -> Record:
        try:
            record = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BadLine(f"is not JSON: {error}") from None
        if not isinstance(record, dict):
            raise BadLine('is not a JSON object such as {"key": "ada", "value": {"amount": 1}}')
        unknown = record.keys() - _FIELDS
        if unknown:
            raise BadLine(f"has an unknown field '{min(unknown)}': a record has {', '.join(sorted(_FIELDS))}")
        if "value" in record and not isinstance(record["value"], (str, type(None))):
            record["value"] = msgspec.json.encode(record["value"]).decode()
        if not isinstance(record.get("key"), (str, type(None))):
            raise BadLine("has a key that is not a string")
        if not _is_text_map(record.get("headers", {})):
            raise BadLine("has headers that are not an object of strings")
        return _with_headers(record, headers)

    return read


def _field(name: str, raw: bytes) -> Record:
    try:
        return {name: raw.decode()}
    except UnicodeDecodeError:
        return {f"{name}_base64": base64.b64encode(raw).decode()}


def _is_text_map(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(item, str) for item in value.values())


def _with_headers(record: Record, headers: Mapping[str, str]) -> Record:
    if headers:
        record["headers"] = {**headers, **record.get("headers", {})}
    return record
