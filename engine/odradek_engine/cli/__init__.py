"""The `odradek` command. Its start stays light: what is heavy is imported by the command that needs it."""

import os
import sys
import threading

from odradek_engine.cli.root import root

STEP_THREADS = "odradek-step"
"""How the names of threads begin that execute blocking steps."""


def main() -> None:
    """Runs the command line; ends the process with its exit code.

    A blocking step that is under way in a thread has nobody who waits for its result any more, and is run again
    elsewhere; Python would wait for its end.
    """
    try:
        root(prog_name="odradek")
    except SystemExit as end:
        if isinstance(end.code, int) and any(one.name.startswith(STEP_THREADS) for one in threading.enumerate()):
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(end.code)
        raise
