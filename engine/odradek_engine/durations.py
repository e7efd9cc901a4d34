"""Durations as text: friendly (`1m 30s`, `500ms`) and ISO 8601 (`PT1M30S`) to whole milliseconds and back.

A duration is an int of milliseconds, from 0 to `MAX_DURATION_MS`. All arithmetic is exact; what is finer than a
millisecond is rounded up, so that a wait is never shorter than it was asked to be. Months and years are refused:
they have no fixed length. A number without a unit is refused too, except 0.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60 * SECOND_MS
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS
WEEK_MS: Final = 7 * DAY_MS

MAX_DURATION_MS: Final = 365_000 * DAY_MS
"""A thousand years: added to any wall clock it still gives a date that can be written down."""
MAX_TEXT_LENGTH: Final = 128

_UNITS: Final = (
    (Fraction(1, 1_000_000), ("ns", "nsec", "nsecs", "nano", "nanos", "nanosecond", "nanoseconds")),
    (Fraction(1, 1_000), ("us", "µs", "μs", "usec", "usecs", "micro", "micros", "microsecond", "microseconds")),
    (Fraction(1), ("ms", "msec", "msecs", "milli", "millis", "millisecond", "milliseconds")),
    (Fraction(SECOND_MS), ("s", "sec", "secs", "second", "seconds")),
    (Fraction(MINUTE_MS), ("m", "min", "mins", "minute", "minutes")),
    (Fraction(HOUR_MS), ("h", "hr", "hrs", "hour", "hours")),
    (Fraction(DAY_MS), ("d", "day", "days")),
    (Fraction(WEEK_MS), ("w", "wk", "wks", "week", "weeks")),
)
_UNIT_MS: Final = {name: length for length, names in _UNITS for name in names}
_NO_FIXED_LENGTH: Final = frozenset(("mo", "mos", "month", "months", "y", "yr", "yrs", "year", "years"))

_FRIENDLY_PART: Final = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?)\s*(?P<unit>[^\W\d_]+)(?:\s*,\s+|\s*)")
_BARE_NUMBER: Final = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_NUMBER: Final = r"([0-9]+(?:[.,][0-9]+)?)"
_ISO: Final = re.compile(
    rf"P(?:{_NUMBER}Y)?(?:{_NUMBER}M)?(?:{_NUMBER}W)?(?:{_NUMBER}D)?(T(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?"
)
_ISO_LENGTHS_MS: Final = (WEEK_MS, DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS)
_FRIENDLY_LENGTHS: Final = ((DAY_MS, "d"), (HOUR_MS, "h"), (MINUTE_MS, "m"), (SECOND_MS, "s"), (1, "ms"))


class MalformedDuration(ValueError):
    """The text is not a duration. The message says why and shows what would be one."""


def parse_duration(text: str) -> int:
    """Milliseconds of `1m 30s`, `1.5 hours`, `500ms`, `PT1M30S` or `P1D`; `MalformedDuration` for anything else."""
    stripped = text.strip()
    if not stripped:
        raise MalformedDuration("a duration is empty: write for example '30s' or '1m 30s'")
    if len(stripped) > MAX_TEXT_LENGTH:
        raise MalformedDuration(f"a duration has {len(stripped)} characters: at most {MAX_TEXT_LENGTH} are read")
    if stripped == "0":
        return 0
    if stripped.startswith("-"):
        raise MalformedDuration(f"'{stripped}' is negative: a duration is 0 or longer")
    if _BARE_NUMBER.fullmatch(stripped):
        raise MalformedDuration(f"'{stripped}' has no unit: write for example '{stripped}s' or '{stripped}ms'")
    exact = _parse_iso(stripped.upper()) if stripped[0] in "Pp" else _parse_friendly(stripped.lower())
    duration_ms = -((-exact.numerator) // exact.denominator)
    if duration_ms > MAX_DURATION_MS:
        raise MalformedDuration(f"'{stripped}' is too long: at most {MAX_DURATION_MS // DAY_MS} days are allowed")
    return duration_ms


def _parse_friendly(text: str) -> Fraction:
    total = Fraction(0)
    shortest_ms: Fraction | None = None
    position = 0
    while position < len(text):
        part = _FRIENDLY_PART.match(text, position)
        if part is None or part["unit"] not in _UNIT_MS:
            raise _not_a_duration(text, part["unit"] if part else None)
        unit_ms = _UNIT_MS[part["unit"]]
        if shortest_ms is not None and unit_ms >= shortest_ms:
            raise MalformedDuration(f"'{text}' has its units out of order: write the longest first, each once")
        total += Fraction(part["number"]) * unit_ms
        shortest_ms = unit_ms
        position = part.end()
    return total


def _parse_iso(text: str) -> Fraction:
    match = _ISO.fullmatch(text)
    if match is None:
        raise _not_a_duration(text, None)
    years, months, weeks, days, time, hours, minutes, seconds = match.groups()
    if years is not None or months is not None:
        raise _not_a_duration(text, "months" if years is None else "years")
    numbers = (weeks, days, hours, minutes, seconds)
    if time == "T" or all(number is None for number in numbers):
        raise _not_a_duration(text, None)
    return sum(
        (
            Fraction(number.replace(",", ".")) * length
            for number, length in zip(numbers, _ISO_LENGTHS_MS, strict=True)
            if number is not None
        ),
        Fraction(0),
    )


def _not_a_duration(text: str, unit: str | None) -> MalformedDuration:
    if unit in _NO_FIXED_LENGTH:
        return MalformedDuration(f"'{text}' counts in {unit}, which have no fixed length: write it in days or weeks")
    if unit is not None:
        return MalformedDuration(f"'{text}' has no unit of time in '{unit}': use ms, s, m, h or d")
    return MalformedDuration(f"'{text}' is not a duration: write for example '1m 30s', '500ms' or 'PT1M30S'")


def format_duration(duration_ms: int) -> str:
    """The friendly form, longest unit first: `1d`, `1m 30s`, `1s 500ms`, `0s`."""
    parts = []
    rest = duration_ms
    for length, unit in _FRIENDLY_LENGTHS:
        count, rest = divmod(rest, length)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts) or "0s"
