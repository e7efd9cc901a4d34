"""What seeds reach: every state of an invocation with every command about it, every event, every crash point."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final, get_args

from odradek_engine.model import commands as c
from odradek_engine.model.events import AnyEvent
from odradek_engine.model.rows import Status, TimerKind
from odradek_engine.partition.decide.decision import Decision
from odradek_engine.partition.machine import Machine
from simulation.crash_points import POINTS

LEAST: Final = 40
"""So many of what is reached least are shown."""
STATES: Final = ("unknown", "scheduled", "inboxed", "invoked", "backing off", "suspended", "paused", "completed")
_COMMANDS: Final = (
    c.Invoke,
    c.HandlerMessages,
    c.FailAttempt,
    c.BeginAttempt,
    c.Signal,
    c.CompleteCall,
    c.Cancel,
    c.Kill,
    c.Pause,
    c.Resume,
    c.Purge,
    c.PurgeJournal,
    c.Attach,
    c.ReadOutput,
    c.AskResult,
)
COMMANDS: Final = (*(kind.__name__ for kind in _COMMANDS), *(f"FireTimer {kind.name}" for kind in TimerKind))
_OF_ATTEMPTS: Final = (
    *("HandlerMessages", "FailAttempt", "BeginAttempt", "CompleteCall"),
    *("FireTimer SLEEP", "FireTimer RETRY"),
)
_EARLIER_LIFE: Final = "what has not begun has no attempt and awaits nothing: an earlier life of the same id is meant"
_IN_ORDER: Final = "an attempt's last word stands in its partition's queue before the first one of the next attempt"
NEVER: Final[dict[str, str]] = {
    "HandlerMessages while suspended": _IN_ORDER,
    "FailAttempt while suspended": _IN_ORDER,
    "event CommandRejected": "it tells of a command that the engine fails on: a bug",
}
"""What seeds cannot reach, and why."""
HARDLY_EVER: Final[dict[str, str]] = {
    f"{command} while {state}": _EARLIER_LIFE for command in _OF_ATTEMPTS for state in ("scheduled", "inboxed")
}
"""What they may reach within thousands, and why so seldom."""


def everything() -> Iterator[str]:
    """What there is to reach, by its name in `World.met`."""
    for state in STATES:
        yield from (f"{command} while {state}" for command in COMMANDS)
    yield from (f"event {event.__name__}" for event in get_args(AnyEvent))
    yield from POINTS


def wanted() -> Iterator[str]:
    """Everything that seeds are to reach."""
    return (name for name in everything() if name not in NEVER and name not in HARDLY_EVER)


def install(meet: Callable[[str], None]) -> Callable[[], None]:
    """Notes every decision; what is returned ends that."""
    before = Machine.decide

    def decide(self: Machine, command: c.AnyCommand, now: int) -> Decision:
        about = command.command if isinstance(command, c.ReceiveMessage) else command
        name = _name(about)
        if name in COMMANDS:
            meet(f"{name} while {_state(self, about)}")
        return before(self, command, now)

    Machine.decide = decide  # type: ignore[method-assign]

    def remove() -> None:
        Machine.decide = before  # type: ignore[method-assign]

    return remove


def _name(command: Any) -> str:
    name = type(command).__name__
    return f"{name} {command.timer.kind.name}" if isinstance(command, c.FireTimer) else name


def _state(machine: Machine, command: Any) -> str:
    subject = command.timer.invocation if isinstance(command, c.FireTimer) else command.invocation
    invocation = subject if isinstance(subject, bytes) else subject.id
    tables = machine.tables
    status = tables.statuses.get(invocation)
    if status is not None:
        return _standing(status)
    return "unknown" if tables.completions.get(invocation) is None else "completed"


def _standing(status: Status) -> str:
    if status.retry is not None and status.retry.next_retry_at is not None:
        return "backing off"
    return status.phase.name.lower()


def report(met: Counter[str]) -> Iterator[str]:
    """What was reached least, for people."""
    counts = sorted((met[name], name) for name in wanted())
    missing = [name for count, name in counts if not count]
    yield f"{len(counts) - len(missing)} of {len(counts)} reached, the least often"
    for count, name in counts[:LEAST]:
        yield f"  {name:36} {count:10,}"
