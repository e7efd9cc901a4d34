"""The engine in memory with virtual time: what the user's test kit and the simulation are made of.

`loop` is the event loop, `process` what can be killed on it; `host`, `disk` and `journal_watch` are a node's ports;
`engine` puts the production node on them, and `backend` is what `odradek.testing` drives.
"""

from collections.abc import Callable, Sequence

from odradek.endpoint import Application
from odradek_engine.testing.backend import MemoryBackend
from odradek_engine.testing.engine import MemoryEngine

__all__ = ["open_backend"]


def open_backend(
    applications: Sequence[Application], seed: int, before_step: Callable[[str, str], None]
) -> MemoryBackend:
    """The engine of a user's test, started. `before_step`: called with `Service/handler` and a step's name."""
    return MemoryBackend(MemoryEngine(applications, seed=seed, before_step=before_step))
