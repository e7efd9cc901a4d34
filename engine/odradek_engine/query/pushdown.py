"""Reads from a filter which rows can be wanted at all, so that a lookup may stand for a scan.

The filter is Arrow's, as text. What is not understood is ignored: the result is always a superset, and the filter
itself is applied to the rows afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_EQUALITY: Final = re.compile(r'\((\w+) == "((?:[^"\\]|\\["\\])*)"\)')
_ESCAPED: Final = re.compile(r"\\(.)")
_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"')


def wanted_values(filter_text: str) -> dict[str, frozenset[str]]:
    """For each column that a conjunction limits to some texts: those texts."""
    wanted: dict[str, frozenset[str]] = {}
    for part in _conjuncts(filter_text):
        limited = _one_column(part)
        if limited is not None:
            column, values = limited
            wanted[column] = wanted[column] & values if column in wanted else values
    return wanted


def mentioned_columns(filter_text: str, columns: Iterator[str]) -> set[str]:
    """The columns that occur in a filter; one or the other more does no harm."""
    words = set(re.findall(r"\w+", _STRING.sub("", filter_text)))
    return {column for column in columns if column in words}


def _conjuncts(text: str) -> list[str]:
    parts = _split(text, " and ")
    return [text] if len(parts) == 1 else [inner for part in parts for inner in _conjuncts(part)]


def _one_column(text: str) -> tuple[str, frozenset[str]] | None:
    """A comparison of one column with one text, or several of them joined by `or`."""
    match = _EQUALITY.fullmatch(text)
    if match is not None:
        return match[1], frozenset((_ESCAPED.sub(r"\1", match[2]),))
    parts = _split(text, " or ")
    if len(parts) == 1:
        return None
    limited = [_one_column(part) for part in parts]
    found = [each for each in limited if each is not None]
    if len(found) < len(limited) or len({column for column, _ in found}) > 1:
        return None
    return found[0][0], frozenset().union(*(values for _, values in found))


def _split(text: str, operator: str) -> list[str]:
    """The operands of `(a operator b)`; the text alone where it is something else."""
    if not (text.startswith("(") and text.endswith(")")):
        return [text]
    inner = text[1:-1]
    depth = 0
    start = 0
    position = 0
    parts = []
    while position < len(inner):
        character = inner[position]
        if character == '"':
            string = _STRING.match(inner, position)
            if string is None:
                return [text]
            position = string.end()
            continue
        depth += (character == "(") - (character == ")")
        if depth < 0:
            return [text]
        if depth == 0 and inner.startswith(operator, position):
            parts.append(inner[start:position])
            position += len(operator)
            start = position
            continue
        position += 1
    return [*parts, inner[start:]] if parts else [text]
