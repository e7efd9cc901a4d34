"""Runs a scenario again and again, with a crash at another place each time, and compares the outcomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from odradek.testing.backend import CrashStep
from odradek.testing.engine import Engine

T = TypeVar("T")


@dataclass(frozen=True)
class ReplayReport:
    """What a run of `replay_everywhere` has shown. `outcome`: the scenario's, the same in every run."""

    outcome: Any
    crashes: int


def replay_everywhere(start: Callable[[], Engine], scenario: Callable[[Engine], Any]) -> ReplayReport:
    """Runs the scenario once as it is, then with a crash before and after each journal record is written.

    Raises `AssertionError`, with the place of the crash, where what the scenario returns, or the state that it leaves
    behind, is not the same.
    """
    with start() as engine:
        begun = engine.backend.records
        outcome = scenario(engine)
        state = engine.backend.state()
        records = engine.backend.records - begun
    for record in range(1, records + 1):
        for step in ("sent", "written"):
            _compare(start, scenario, outcome, state, record, step)
    return ReplayReport(outcome, 2 * records)


def _compare(
    start: Callable[[], Engine],
    scenario: Callable[[Engine], Any],
    outcome: Any,
    state: Mapping[tuple[str, str], Mapping[str, bytes]],
    record: int,
    step: CrashStep,
) -> None:
    with start() as engine:
        engine.crash_at(record, step)
        try:
            again = scenario(engine)
        except Exception as error:
            raise AssertionError(f"the scenario fails{_where(engine, record, step)}: {error!r}") from error
        if again != outcome:
            raise AssertionError(f"the outcome is {again!r} in place of {outcome!r}{_where(engine, record, step)}")
        left = engine.backend.state()
        if left != state:
            raise AssertionError(f"the state left is {left!r} in place of {state!r}{_where(engine, record, step)}")


def _where(engine: Engine, record: int, step: CrashStep) -> str:
    said = engine.backend.crashed_at
    if said is None:
        return f" without a crash: it wrote fewer than {record} journal records this time"
    moment = "before it is written" if step == "sent" else "after it is written"
    return f" with a crash at journal record {record} ({said}), {moment}"
