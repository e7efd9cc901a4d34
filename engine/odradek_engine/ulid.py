"""ULIDs as text: 26 characters of Crockford's base 32, the first ten a time, the rest random."""

from __future__ import annotations

from typing import Final

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS: Final = tuple(high + low for high in _ALPHABET for low in _ALPHABET)
_DIGITS: Final = {character: value for value, character in enumerate(_ALPHABET)}
_LENGTH: Final = 26
_TIME_LENGTH: Final = 10
RANDOM_BYTES: Final = 10


class MalformedUlid(ValueError):
    """The text is not a ULID."""


def make_ulid(now_ms: int, random: bytes) -> str:
    """A ULID of an instant (ms since the epoch) and ten random bytes."""
    number = now_ms << 80 | int.from_bytes(random, "big")
    high = number >> 60
    low = number & ((1 << 60) - 1)
    p = _PAIRS
    return (
        f"{p[high >> 60]}{p[high >> 50 & 1023]}{p[high >> 40 & 1023]}{p[high >> 30 & 1023]}{p[high >> 20 & 1023]}"
        f"{p[high >> 10 & 1023]}{p[high & 1023]}{p[low >> 50]}{p[low >> 40 & 1023]}{p[low >> 30 & 1023]}"
        f"{p[low >> 20 & 1023]}{p[low >> 10 & 1023]}{p[low & 1023]}"
    )


def ulid_time_ms(text: str) -> int:
    """The instant in a ULID; raises `MalformedUlid`."""
    digits = [_DIGITS.get(character, -1) for character in text.upper()]
    if len(digits) != _LENGTH or min(digits) < 0 or digits[0] > 7:
        raise MalformedUlid(f"'{text[:_LENGTH]}' is not a ULID: it has 26 characters of {_ALPHABET}")
    time_ms = 0
    for digit in digits[:_TIME_LENGTH]:
        time_ms = time_ms * 32 + digit
    return time_ms
