"""The kinds of values a setting can have: how each is read from a file or a variable, checked, and written again.

A kind takes what TOML gives (or the text of a variable) and returns the checked value; `InvalidValue` says what is
wrong with it, without naming the setting.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Final, Protocol

from odradek_engine.durations import MAX_DURATION_MS, MalformedDuration, format_duration, parse_duration

KIB: Final = 1024
MIB: Final = 1024 * KIB
GIB: Final = 1024 * MIB

MAX_PORT: Final = 65_535
MAX_SIZE_BYTES: Final = 1 << 60

_SIZE_UNITS: Final = {
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": KIB,
    "mib": MIB,
    "gib": GIB,
    "tib": 1024 * GIB,
}
_SIZE: Final = re.compile(r"([0-9]+)\s*([a-zA-Z]*)")
_WHOLE_SIZES: Final = ((1024 * GIB, "TiB"), (GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB"))


class InvalidValue(ValueError):
    """A value that its setting cannot take."""


class Kind(Protocol):
    """How one kind of value is read and written."""

    def read(self, raw: object) -> object:
        """The checked value; `InvalidValue`."""

    def write(self, value: object) -> str:
        """The value as TOML."""


def parse_size(text: str) -> int:
    """Bytes of `32 MiB`, `1GB` or `4096`; `InvalidValue` for anything else."""
    match = _SIZE.fullmatch(text.strip())
    unit = _SIZE_UNITS.get((match[2] or "b").lower()) if match else None
    if match is None or unit is None:
        raise InvalidValue(f"'{text}' is not a size: write for example '32 MiB'")
    return int(match[1]) * unit


def format_size(size_bytes: int) -> str:
    """The size in the largest binary unit that divides it: `32 MiB`, `1000 B`."""
    for length, unit in _WHOLE_SIZES:
        if size_bytes and size_bytes % length == 0:
            return f"{size_bytes // length} {unit}"
    return f"{size_bytes} B"


def quote(text: str) -> str:
    """A TOML basic string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in escaped) + '"'


def _text_of(raw: object) -> str:
    if not isinstance(raw, str):
        raise InvalidValue(f"expected text in quotes, found {raw!r}")
    return raw


@dataclass(frozen=True)
class Text:
    """Text that matches a pattern."""

    pattern: str = ".+"
    rule: str = "must not be empty"

    def read(self, raw: object) -> str:
        """The text as it is."""
        text = _text_of(raw)
        if not re.fullmatch(self.pattern, text, re.DOTALL):
            raise InvalidValue(f"'{text}' {self.rule}")
        return text

    def write(self, value: object) -> str:
        """In quotes."""
        return quote(str(value))


@dataclass(frozen=True)
class Choice:
    """One of a few words."""

    words: tuple[str, ...]

    def read(self, raw: object) -> str:
        """The word."""
        text = _text_of(raw).lower()
        if text not in self.words:
            raise InvalidValue(f"'{raw}' is not one of {', '.join(self.words)}")
        return text

    def write(self, value: object) -> str:
        """In quotes."""
        return quote(str(value))


@dataclass(frozen=True)
class Flag:
    """Yes or no."""

    def read(self, raw: object) -> bool:
        """True or False."""
        if isinstance(raw, bool):
            return raw
        if isinstance(raw, str) and raw.strip().lower() in ("true", "false"):
            return raw.strip().lower() == "true"
        raise InvalidValue(f"expected true or false, found {raw!r}")

    def write(self, value: object) -> str:
        """TOML's word."""
        return "true" if value else "false"


@dataclass(frozen=True)
class Directory:
    """A path."""

    def read(self, raw: object) -> Path:
        """The path, `~` expanded."""
        text = str(raw) if isinstance(raw, Path) else _text_of(raw)
        if not text:
            raise InvalidValue("must not be empty")
        return Path(text).expanduser()

    def write(self, value: object) -> str:
        """In quotes."""
        return quote(str(value))


@dataclass(frozen=True)
class Address:
    """An IP address to listen on."""

    def read(self, raw: object) -> str:
        """The address in its usual spelling."""
        text = _text_of(raw)
        try:
            return str(ip_address(text))
        except ValueError:
            raise InvalidValue(f"'{text}' is not an IP address: write for example '127.0.0.1'") from None

    def write(self, value: object) -> str:
        """In quotes."""
        return quote(str(value))


@dataclass(frozen=True)
class Integer:
    """A whole number within bounds; `word` stands for None where there is no bound."""

    least: int
    most: int
    word: str | None = None

    def read(self, raw: object) -> int | None:
        """The number."""
        if self.word is not None and isinstance(raw, str) and raw.lower() == self.word:
            return None
        if isinstance(raw, str) and re.fullmatch(r"\s*[+-]?[0-9]{1,20}\s*", raw):
            raw = int(raw)
        if isinstance(raw, bool) or not isinstance(raw, int):
            raise InvalidValue(f"expected a whole number, found {raw!r}")
        if not self.least <= raw <= self.most:
            raise InvalidValue(f"{raw} is out of range: {self.least} to {self.most}")
        return raw

    def write(self, value: object) -> str:
        """Digits, or the word."""
        return quote(self.word) if value is None and self.word is not None else str(value)


@dataclass(frozen=True)
class Number:
    """A number within bounds."""

    least: float
    most: float

    def read(self, raw: object) -> float:
        """The number."""
        try:
            number = float(raw) if isinstance(raw, (str, int, float)) and not isinstance(raw, bool) else None
        except ValueError:
            number = None
        if number is None:
            raise InvalidValue(f"expected a number, found {raw!r}")
        if not self.least <= number <= self.most:
            raise InvalidValue(f"{number:g} is out of range: {self.least:g} to {self.most:g}")
        return number

    def write(self, value: object) -> str:
        """With a decimal point."""
        return repr(value)


@dataclass(frozen=True)
class Duration:
    """A time span within bounds, in milliseconds."""

    least_ms: int = 0
    most_ms: int = MAX_DURATION_MS

    def read(self, raw: object) -> int:
        """Milliseconds."""
        if isinstance(raw, (int, float)) and not isinstance(raw, bool):
            raise InvalidValue(f"{raw} has no unit: write for example '{raw}s' or '{raw}ms'")
        try:
            duration_ms = parse_duration(_text_of(raw))
        except MalformedDuration as error:
            raise InvalidValue(str(error)) from None
        if not self.least_ms <= duration_ms <= self.most_ms:
            bounds = f"{format_duration(self.least_ms)} to {format_duration(self.most_ms)}"
            raise InvalidValue(f"{format_duration(duration_ms)} is out of range: {bounds}")
        return duration_ms

    def write(self, value: object) -> str:
        """The friendly form."""
        assert isinstance(value, int)
        return quote(format_duration(value))


@dataclass(frozen=True)
class Size:
    """An amount of bytes within bounds."""

    least_bytes: int = 0
    most_bytes: int = MAX_SIZE_BYTES

    def read(self, raw: object) -> int:
        """Bytes."""
        size = raw if isinstance(raw, int) and not isinstance(raw, bool) else parse_size(_text_of(raw))
        if not self.least_bytes <= size <= self.most_bytes:
            bounds = f"{format_size(self.least_bytes)} to {format_size(self.most_bytes)}"
            raise InvalidValue(f"{format_size(size)} is out of range: {bounds}")
        return size

    def write(self, value: object) -> str:
        """In the largest unit that divides it."""
        assert isinstance(value, int)
        return quote(format_size(value))


@dataclass(frozen=True)
class Brokers:
    """Kafka brokers: a list of `host:port`, or one text with commas between them."""

    def read(self, raw: object) -> tuple[str, ...]:
        """The brokers in order."""
        if isinstance(raw, str):
            raw = read_toml_value(raw) if raw.lstrip().startswith("[") else raw.split(",")
        if not isinstance(raw, (list, tuple)):
            raise InvalidValue(f'expected a list such as ["localhost:9092"], found {raw!r}')
        brokers = tuple(_text_of(item).strip() for item in raw)
        for broker in brokers:
            if broker and not _is_broker(broker):
                raise InvalidValue(f"'{broker}' is not a broker: write host:port")
        return tuple(broker for broker in brokers if broker)

    def write(self, value: object) -> str:
        """A TOML array."""
        assert isinstance(value, tuple)
        return f"[{', '.join(quote(broker) for broker in value)}]"


def _is_broker(text: str) -> bool:
    host, colon, port = text.rpartition("://")[2].rpartition(":")
    return bool(host and colon) and port.isdecimal() and 0 < int(port) <= MAX_PORT


def read_toml_value(text: str) -> object:
    """One TOML value, as variables may carry for lists and tables; `InvalidValue`."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError as error:
        raise InvalidValue(f"'{text}' cannot be read as a TOML value: {error}") from None
