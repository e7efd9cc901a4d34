"""Load generators: wrk where it is installed, else one of our own."""

from __future__ import annotations

import shutil
from typing import Protocol

from bench.load import own, wrk
from bench.load.plan import Load, LoadFailed, Measured

__all__ = ["Generator", "Load", "LoadFailed", "Measured", "generator"]


class Generator(Protocol):
    """Drives a server as fast as it answers: each client sends its next request when the last one was answered."""

    def __call__(self, load: Load) -> Measured:
        """Runs a load to its end. Raises `LoadFailed`."""


def generator() -> tuple[str, Generator]:
    """The name of the best generator here, and what runs it."""
    return ("wrk", wrk.run) if shutil.which("wrk") else ("own", own.run)
