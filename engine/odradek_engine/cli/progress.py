"""How far a long command is: a bar on a terminal, now and then a line where the output is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TextIO

BAR_WIDTH: Final = 30
REDRAW_INTERVAL_S: Final = 0.1
LINE_INTERVAL_S: Final = 2.0
ERASE_LINE: Final = "\r\x1b[K"


class Progress:
    """Counts records and, where `total_bytes` is known, tells the share that is through."""

    def __init__(self, label: str, total_bytes: int | None, stream: TextIO, clock: Callable[[], float]) -> None:
        self.records = 0
        self._label = label
        self._total_bytes = total_bytes
        self._bytes = 0
        self._stream = stream
        self._clock = clock
        self._on_terminal = stream.isatty()
        self._began_s = self._shown_s = clock()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the beginning."""
        return self._clock() - self._began_s

    @property
    def rate(self) -> float:
        """Records a second since the beginning."""
        return self.records / max(self.elapsed_s, 0.001)

    def advance(self, records: int, size_bytes: int) -> None:
        """So many more are through."""
        self.records += records
        self._bytes += size_bytes
        interval_s = REDRAW_INTERVAL_S if self._on_terminal else LINE_INTERVAL_S
        if self._clock() - self._shown_s >= interval_s:
            self._shown_s = self._clock()
            self._write(f"\r{self._bar()}\x1b[K" if self._on_terminal else f"{self._line()}\n")

    def note(self, text: str) -> None:
        """Says something on a line of its own."""
        self._write(f"{ERASE_LINE if self._on_terminal else ''}{text}\n")

    def finish(self) -> None:
        """Takes the bar away."""
        if self._on_terminal:
            self._write(ERASE_LINE)

    def _share(self) -> float | None:
        return min(self._bytes / self._total_bytes, 1.0) if self._total_bytes else None

    def _bar(self) -> str:
        share = self._share()
        figures = f"{self.records:,} records  {self.rate:,.0f}/s"
        if share is None:
            return f"{self._label}  {figures}"
        filled = round(share * BAR_WIDTH)
        return f"{self._label}  [{'#' * filled}{'.' * (BAR_WIDTH - filled)}] {share:4.0%}  {figures}"

    def _line(self) -> str:
        share = self._share()
        part = "" if share is None else f" ({share:.0%})"
        return f"{self._label}: {self.records:,} records{part}, {self.rate:,.0f}/s"

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
