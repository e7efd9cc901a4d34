"""A command on its way through a partition, with who waits for its outcome."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from odradek_engine.gateway import Reply
from odradek_engine.model import commands as c


class Submission(NamedTuple):
    """A command and its reply; None where nobody waits. `on_durable`: told once what follows from it is durable."""

    command: c.AnyCommand
    reply: Reply | None
    on_durable: Callable[[], None] | None = None


OF_ONE_TERM: Final = (c.HandlerMessages, c.FailAttempt, c.BeginAttempt, c.FireTimer)
"""Commands of attempts and timers end with the leader's term, because a new term starts and arms these anew."""
