"""The engine in memory with virtual time: what the user's test kit and the simulation are made of.

`loop` is the event loop, `process` what can be killed on it; `host`, `disk` and `journal_watch` are a node's ports;
`engine` puts the production node on them, and `backend` is what `odradek.testing` drives.
"""

from odradek_engine.testing.backend import MemoryBackend

__all__ = ["MemoryBackend"]
