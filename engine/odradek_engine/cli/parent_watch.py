"""A child that must not outlive its parent, however that dies.

The child holds the read end of a pipe whose write end only the parent has, and sees the end of the pipe when that is
gone.
"""

from __future__ import annotations

import os
import signal
import threading


def leave_with_parent(pipe: int, how: signal.Signals) -> None:
    """Sends this process a signal once the other end of `pipe` is gone. Its own children do not get the pipe."""
    os.set_inheritable(pipe, False)

    def wait() -> None:
        while os.read(pipe, 1):
            pass
        os.kill(os.getpid(), how)

    threading.Thread(target=wait, name="parent-watch", daemon=True).start()
