"""A child that must not outlive its parent, however that dies.

The child holds the read end of a pipe whose write end only the parent has, and sees the end of the pipe when that is
gone. On Linux the kernel sends the signal besides: code that keeps the interpreter for itself, such as a long match of
a regular expression, lets no thread see a pipe.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from typing import Final

_SET_PARENT_DEATH_SIGNAL: Final = 1


def leave_with_parent(pipe: int, how: signal.Signals) -> None:
    """Sends this process a signal once the other end of `pipe` is gone. Its own children do not get the pipe."""
    os.set_inheritable(pipe, False)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, how)

    def wait() -> None:
        while os.read(pipe, 1):
            pass
        os.kill(os.getpid(), how)

    threading.Thread(target=wait, name="parent-watch", daemon=True).start()
