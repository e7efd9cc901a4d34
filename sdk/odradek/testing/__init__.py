"""Tests of handlers on the real engine, in memory, with virtual time: a sleep of 30 days takes milliseconds.

    def test_reminder() -> None:
        with odradek.testing.engine(app) as engine:
            assert engine.call(remind, "pay the rent", key="ada") == "reminded"

It needs the engine, `odradek[server]`, and no server, port, file or broker. docs/testing.md has more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from odradek.endpoint import Application
from odradek.testing import replay
from odradek.testing.backend import CrashStep, InvocationState, InvocationStatus, JournalEntry
from odradek.testing.engine import Engine, Invocation
from odradek.testing.errors import InjectedFailure, ServerMissing, Stuck
from odradek.testing.failures import FailingApplication, Failures
from odradek.testing.replay import ReplayReport

__all__ = [
    "CrashStep",
    "Engine",
    "InjectedFailure",
    "Invocation",
    "InvocationState",
    "InvocationStatus",
    "JournalEntry",
    "ReplayReport",
    "ServerMissing",
    "Stuck",
    "engine",
    "replay_everywhere",
]


def engine(*applications: Application, seed: int = 0) -> Engine:
    """Starts an engine in memory that serves these applications; close it, or use it in a `with` block.

    `seed` draws everything that is random in the engine: ids, jitter of retries. Raises `ServerMissing` without the
    engine, and what a server would refuse to start with.
    """
    try:
        from odradek_engine.testing import open_backend
    except ImportError as error:
        raise ServerMissing from error
    failures = Failures()
    failing = [FailingApplication(application, failures) for application in applications]
    return Engine(applications, open_backend(failing, seed, failures.before_step), failures)


def replay_everywhere(
    applications: Application | tuple[Application, ...], scenario: Callable[[Engine], Any], *, seed: int = 0
) -> ReplayReport:
    """Asserts that a scenario comes to the same outcome wherever the engine crashes on the way.

    The scenario gets a fresh engine each time: once without a crash, then with one before and one after each journal
    record is written, which is between any two journal entries. What it returns must be equal every time, and so must
    the state that it leaves in objects. It must bring its own fakes of the outside world along.
    """
    served = (applications,) if isinstance(applications, Application) else applications
    return replay.replay_everywhere(lambda: engine(*served, seed=seed), scenario)
