"""Log lines of a node: filtered as `log-filter` says, in the form of `log-format`, to standard error."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import Final

import msgspec

_LEVELS: Final = {
    "off": logging.CRITICAL + 1,
    "error": logging.ERROR,
    "warn": logging.WARNING,
    "info": logging.INFO,
    "debug": logging.DEBUG,
    "trace": logging.DEBUG,
}
_PACKAGES: Final = {"odradek": ("odradek", "odradek_engine", "odradek_connectors"), "restate": ("odradek_engine",)}
"""Names of the filter that stand for several loggers."""


class BadLogFilter(ValueError):
    """The filter cannot be read. The text says what it may look like."""


def set_up_logging(log_filter: str, log_format: str) -> None:
    """Replaces what the root logger did; raises `BadLogFilter`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines() if log_format == "json" else _TextLines(log_format == "pretty"))
    levels = read_filter(log_filter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(levels.pop("", logging.WARNING))
    for name, level in levels.items():
        for logger in _PACKAGES.get(name, (name,)):
            logging.getLogger(logger).setLevel(level)


def read_filter(text: str) -> dict[str, int]:
    """`warn,odradek=info` as logger name -> level; the name of the rest is empty."""
    levels: dict[str, int] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, word = part.rpartition("=")
        level = _LEVELS.get(word.strip().lower())
        if level is None:
            known = ", ".join(_LEVELS)
            raise BadLogFilter(f"log-filter '{text}': '{word}' is no level; write like 'warn,odradek=info' ({known})")
        levels[name.strip().replace("::", ".")] = level
    return levels


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _TextLines(logging.Formatter):
    def __init__(self, pretty: bool) -> None:
        super().__init__()
        self._pretty = pretty

    def format(self, record: logging.LogRecord) -> str:
        """`time LEVEL logger: message`, and the traceback where there is one."""
        level = f"{record.levelname:<7}" if self._pretty else record.levelname
        line = f"{_time(record)} {level} {record.name}: {record.getMessage()}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """One JSON object."""
        line = {
            "timestamp": _time(record),
            "level": record.levelname,
            "target": record.name,
            "fields": {"message": record.getMessage()},
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()
