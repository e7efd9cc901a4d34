"""Named places in the production code at which a node may die: before and after each step that matters.

Put around methods from outside: the engine knows nothing of them. A dead process goes on to the end of its present
callback, and nothing that it still says or writes leaves it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final

from odradek_engine.invoker.attempts import Attempts
from odradek_engine.invoker.remote.attempt import RemoteAttempt
from odradek_engine.node.partitions import Partitions
from odradek_engine.replica.announcement import Announcement
from odradek_engine.replica.flusher import Flusher
from odradek_engine.replica.leader import Leader
from odradek_engine.replica.processor import Processor
from odradek_engine.replica.recovery import Replay
from odradek_engine.replica.release import Release

_METHODS: Final[tuple[tuple[type, str, str], ...]] = (
    (Leader, "take_turn", "a turn"),
    (Leader, "acknowledged", "an acknowledgement is taken"),
    (Leader, "failed", "a writer's failure is taken"),
    (Leader, "_release", "a turn is released"),
    (Leader, "_break", "a term breaks"),
    (Leader, "end", "a term ends"),
    (Processor, "_serve", "a term begins"),
    (Processor, "_settle", "a broken term is settled"),
    (Processor, "_fire", "timers fire"),
    (Processor, "_applied", "a tail's rows are pending"),
    (Announcement, "acknowledged", "an announcement is acknowledged"),
    (Announcement, "failed", "an announcement fails"),
    (Replay, "_apply", "a tail is applied"),
    (Replay, "_admit", "a record is admitted"),
    (Flusher, "flush", "a flush"),
    (Release, "carry_out_answers", "answers of a broken term"),
    (Release, "_answer", "an answer"),
    (Release, "_await_result", "a client waits"),
    (Release, "_invocation_ended", "a result goes out"),
    (Release, "_start_attempt", "an attempt starts"),
    (Release, "_deliver", "a delivery"),
    (Release, "_end_attempt", "an attempt is ended"),
    (Release, "_arm_timer", "a timer is armed"),
    (Release, "_send_message", "a message is sent"),
    (Release, "_acknowledge_message", "a message is acknowledged"),
    (Partitions, "_acknowledge", "acknowledgements go back"),
    (Attempts, "_open", "a handler is opened"),
    (Attempts, "received", "a handler's words are taken"),
    (Attempts, "queue", "an attempt is queued"),
    (Attempts, "abort_all", "attempts are aborted"),
    (RemoteAttempt, "begin", "a request is asked for"),
    (RemoteAttempt, "_happen", "a request's answer goes on"),
    (RemoteAttempt, "_fail", "a remote attempt fails"),
)
_OF_PORTS: Final = (
    "before a record is sent",
    "after a record is sent",
    "before a batch is stored",
    "after a batch is stored",
)
POINTS: Final = (
    *_OF_PORTS,
    *(f"{when} {name}" for _, _, name in _METHODS for when in ("before", "after")),
)
"""All of them."""

_reach: list[Callable[[str], None]] = []
"""Of the run under way."""


def install() -> None:
    """Puts the points around the methods, once."""
    for owner, method, name in _METHODS:
        setattr(owner, method, _surrounded(getattr(owner, method), f"before {name}", f"after {name}"))


def begin(reach: Callable[[str], None]) -> None:
    """From now on this run is told."""
    _reach[:] = [reach]


def _surrounded(method: Callable[..., Any], before: str, after: str) -> Callable[..., Any]:
    @functools.wraps(method)
    def surrounded(*args: Any, **named: Any) -> Any:
        for reach in _reach:
            reach(before)
        result = method(*args, **named)
        for reach in _reach:
            reach(after)
        return result

    return surrounded
