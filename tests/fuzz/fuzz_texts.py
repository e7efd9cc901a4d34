"""Short texts from outside: identifiers and durations."""

from __future__ import annotations

from fuzz_target import FuzzTarget

from odradek.protocol.ids import (
    MalformedId,
    format_awakeable_id,
    format_invocation_id,
    parse_awakeable_id,
    parse_invocation_id,
)
from odradek_engine.durations import (
    MAX_DURATION_MS,
    MalformedDuration,
    format_duration,
    parse_duration,
)

RAW = bytes(range(24))


def text_of(data: bytes) -> str:
    """Any text: also one that is no valid Unicode, as a command line may bring it."""
    return data.decode("utf-8", "surrogateescape")


def read_invocation_id(data: bytes) -> None:
    text = text_of(data)
    try:
        raw = parse_invocation_id(text)
    except MalformedId:
        return
    assert format_invocation_id(raw) == text


def read_awakeable_id(data: bytes) -> None:
    text = text_of(data)
    try:
        raw, index = parse_awakeable_id(text)
    except MalformedId:
        return
    padding = text.removeprefix(format_awakeable_id(raw, index))
    assert padding in ("", "=", "==")


def read_duration(data: bytes) -> None:
    try:
        duration_ms = parse_duration(text_of(data))
    except MalformedDuration:
        return
    assert 0 <= duration_ms <= MAX_DURATION_MS
    assert parse_duration(format_duration(duration_ms)) == duration_ms


TARGETS = (
    FuzzTarget(
        "invocation ids",
        read_invocation_id,
        tuple(format_invocation_id(raw).encode() for raw in (RAW, bytes(24), b"\xff" * 24)),
    ),
    FuzzTarget(
        "awakeable ids",
        read_awakeable_id,
        tuple(format_awakeable_id(RAW, index).encode() for index in (17, 2**32 - 1)),
    ),
    FuzzTarget(
        "durations",
        read_duration,
        (
            b"1h 30m",
            b"PT1H1M1.5S",
            b"P1DT12H",
            b"1.0000001s",
            b"2 weeks",
            b"1 hour, 2 minutes",
            b"365000d",
            b"1 \xc2\xb5s",
        ),
    ),
)
