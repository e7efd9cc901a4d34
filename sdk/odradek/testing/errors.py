"""What the test kit says when a test cannot go on."""

from __future__ import annotations


class Stuck(Exception):
    """What the test waits for will not come; the text lists the invocations that are under way, and why they wait."""


class InjectedFailure(Exception):
    """Raised in the place of a step or a handler that a test lets fail."""


class ServerMissing(ImportError):
    """The engine is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "odradek.testing runs the real engine in memory: install it with `pip install odradek[server]`"
        )
