import pytest
from hypothesis import given
from hypothesis import strategies as st

from odradek_engine.durations import MAX_DURATION_MS, MalformedDuration, format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "duration_ms"),
    [
        ("10s", 10_000),
        ("1 sec", 1_000),
        ("1.5s", 1_500),
        ("500ms", 500),
        ("1h", 3_600_000),
        ("1m 30s", 90_000),
        ("1m30s", 90_000),
        ("1 hour, 2 minutes", 3_720_000),
        ("1 Day", 86_400_000),
        ("2 weeks", 1_209_600_000),
        ("0", 0),
        ("0s", 0),
        ("1us", 1),
        ("1.0000001s", 1_001),
        ("0.1s", 100),
        ("PT1S", 1_000),
        ("P1D", 86_400_000),
        ("P1W", 604_800_000),
        ("PT1H1M1.5S", 3_661_500),
        ("P1DT12H", 129_600_000),
        ("pt0,25s", 250),
        (" 3 s ", 3_000),
        ("365000d", MAX_DURATION_MS),
    ],
)
def test_durations(text: str, duration_ms: int) -> None:
    assert parse_duration(text) == duration_ms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "is empty"),
        ("1000", "'1000' has no unit: write for example '1000s'"),
        ("1.5", "has no unit"),
        ("-1s", "is negative"),
        ("-PT1S", "is negative"),
        ("soon", "is not a duration"),
        ("1 fortnight", "no unit of time in 'fortnight'"),
        ("1 month", "no fixed length"),
        ("P1Y", "no fixed length"),
        ("P1M", "no fixed length"),
        ("30s 1m", "out of order"),
        ("1s 1s", "out of order"),
        ("1m,", "is not a duration"),
        ("1m ,, 2s", "is not a duration"),
        ("P", "is not a duration"),
        ("PT", "is not a duration"),
        ("P1DT", "is not a duration"),
        ("PT1D", "is not a duration"),
        ("\u0661s", "is not a duration"),
        ("365001d", "is too long"),
        ("1" * 200 + "s", "at most 128 are read"),
    ],
)
def test_what_is_not_a_duration(text: str, expected: str) -> None:
    with pytest.raises(MalformedDuration, match=expected):
        parse_duration(text)


@pytest.mark.parametrize(
    ("duration_ms", "text"),
    [(0, "0s"), (86_400_000, "1d"), (600_000, "10m"), (1_500, "1s 500ms"), (90_061_001, "1d 1h 1m 1s 1ms")],
)
def test_friendly_form(duration_ms: int, text: str) -> None:
    assert format_duration(duration_ms) == text


@given(st.integers(0, MAX_DURATION_MS))
def test_what_is_written_is_read_back(duration_ms: int) -> None:
    assert parse_duration(format_duration(duration_ms)) == duration_ms
