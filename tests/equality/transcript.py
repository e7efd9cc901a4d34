"""What happened while a script was played, a line for each thing, with ids that are the same wherever it is played."""

from __future__ import annotations

import json
import re
from typing import Any

IDS = re.compile(
    r"(?P<id>(?P<kind>inv|sign|prom)_1[0-9A-Za-z_-]+)"
    r"|(?P<ulid>\b01[0-9A-HJKMNP-TV-Z]{24}\b)"
    r"|(?P<uuid>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
    r"|(?P<milliseconds>\b1[0-9]{12}\b)"
    r"|(?P<seconds>\b1[0-9]{9}\.[0-9]+)"
    r"|(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z?)"
)
"""What the servers, `ctx.uuid()` and the clock make anew each time, known by its form."""

MOMENTS = ("milliseconds", "seconds", "time")
"""Not numbered: whether two things fall into the same moment is chance."""


class Transcript:
    """The first invocation id that comes is `<inv 1>` from then on, the next one `<inv 2>`."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._numbers: dict[str, str] = {}

    def add(self, *said: Any) -> None:
        """Strings stand as they are, everything else as JSON."""
        line = " ".join(each if isinstance(each, str) else json.dumps(each, sort_keys=True) for each in said)
        self.lines.append(IDS.sub(self._numbered, line))

    def ids(self) -> list[str]:
        """All that has been numbered, in the order in which it came."""
        return list(self._numbers)

    def _numbered(self, found: re.Match[str]) -> str:
        kind = found["kind"] or found.lastgroup
        if kind in MOMENTS:
            return f"<{kind}>"
        of_kind = sum(name.startswith(f"<{kind} ") for name in self._numbers.values())
        return self._numbers.setdefault(found[0], f"<{kind} {of_kind + 1}>")
