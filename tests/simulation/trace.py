"""What happened in a run, in order: a hash of everything, and lines for people where they want them."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from typing import Any

Show = Callable[[str], None]


class Trace:
    """Takes notes. `show`: gets a line for each, None where nobody reads them."""

    def __init__(self, time: Callable[[], float], show: Show | None) -> None:
        self.events = 0
        self._time = time
        self._hash = hashlib.blake2b(digest_size=16)
        self._show = show

    def note(self, what: str, raw: bytes = b"", describe: Callable[[], Any] | None = None) -> None:
        """Something happened. `raw`: further bytes for the hash, `describe`: further words for people."""
        self.events += 1
        now = self._time()
        self._hash.update(b"%b%b\0%b" % (struct.pack("<d", now), what.encode(), raw))
        if self._show is not None:
            self._show(f"{now:10.4f}  {what}{'' if describe is None else f'  {describe()}'}")

    def digest(self) -> str:
        """The hash of everything so far."""
        return self._hash.hexdigest()
