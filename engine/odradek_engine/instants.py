"""Instants: ms since the epoch, as times of UTC and as text."""

from __future__ import annotations

from datetime import UTC, datetime


def utc(milliseconds: int) -> datetime:
    """The instant, exactly."""
    return datetime.fromtimestamp(milliseconds // 1000, UTC).replace(microsecond=milliseconds % 1000 * 1000)


def format_instant(milliseconds: int) -> str:
    """RFC 3339 with nanoseconds, as Restate writes it."""
    return f"{utc(milliseconds):%Y-%m-%dT%H:%M:%S.%f}000Z"
