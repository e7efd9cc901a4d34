"""What is fuzzed: a parser of outside bytes as a function of bytes, with samples to begin from.

A parser gives a value or raises one of its own errors, within bounded time and memory. `accept` returns for both,
checks what else must hold of a value (that it survives its writer, say), and lets everything else out.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass

SECONDS_MAX = 5.0
"""Of processor time for one input; far above what any takes, below what a quadratic parser would."""
BYTES_MAX = 4_000_000
"""Of memory for one input of up to `INPUT_BYTES_MAX`, beside what the input itself takes a thousand times over."""
INPUT_BYTES_MAX = 4_000


def check(holds: bool) -> None:
    """What must hold of an error."""
    assert holds


@dataclass(frozen=True)
class FuzzTarget:
    """One parser."""

    name: str
    accept: Callable[[bytes], None]
    samples: tuple[bytes, ...]

    def check(self, data: bytes) -> None:
        """One input, within the bounds."""
        began = time.process_time()
        tracemalloc.start()
        try:
            self.accept(data)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        took = time.process_time() - began
        assert took < SECONDS_MAX, f"{self.name} took {took:.1f} s for {len(data)} bytes"
        assert peak < BYTES_MAX + 1000 * len(data), f"{self.name} took {peak} bytes for {len(data)} bytes"
