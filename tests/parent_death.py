"""Child processes that must not outlive the test's own process, however that ends."""

from __future__ import annotations

import ctypes
import signal
import sys


def die_with_parent() -> None:
    """Has Linux kill this process when its parent dies; elsewhere the parent's own clean-up has to do."""
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
