"""Random programs on an engine that crashes: what they meet, and what must hold when they have ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from program_handlers import app, begin_world, run_thing, world
from program_model import KILLED, Killed, Model
from program_strategy import endless, named, programs

from odradek.exceptions import TerminalError
from odradek.json_codec import decode
from odradek.testing import Engine, Invocation
from odradek.testing.failures import Failures
from odradek_engine.log.simulated_cluster import Faults
from odradek_engine.testing.backend import MemoryBackend
from odradek_engine.testing.engine import NO_FAULTS, MemoryEngine
from odradek_engine.testing.loop import VirtualLoop

BATCH = 200
"""Engines that are drawn from one seed."""
HOURS_MAX = 48
"""After that long everything must have ended."""
UNRELIABLE = Faults(delay_ms=(0.0, 3.0), error=0.03, written_in_spite=0.5, doubled=0.03, late_ms=(0.0, 200.0))

figures: Counter[str] = Counter()


@dataclass(frozen=True)
class Weather:
    """What a program meets on its way. `gaps`: journal records from one crash to the next."""

    gaps: tuple[tuple[int, str], ...]
    power: bool
    faulty: bool
    partitions: int
    one_entry_a_record: bool
    seed: int


weather = st.builds(
    Weather,
    st.lists(st.tuples(st.integers(1, 15), st.sampled_from(("sent", "written"))), min_size=1, max_size=8).map(tuple),
    st.booleans(),
    st.booleans(),
    st.sampled_from((1, 2, 4)),
    st.booleans(),
    st.integers(0, 2**16),
)


def start(weather: Weather) -> tuple[Engine, MemoryEngine]:
    loop = VirtualLoop(weather.seed if weather.seed % 2 else None, threads=False)
    memory = MemoryEngine(
        [app],
        seed=weather.seed,
        partitions=weather.partitions,
        one_entry_a_record=weather.one_entry_a_record,
        faults=UNRELIABLE if weather.faulty else NO_FAULTS,
        loop=loop,
    )
    engine = Engine([app], MemoryBackend(memory), Failures())
    record = 0
    for gap, step in weather.gaps:
        record += gap
        engine.crash_at(record, step)
    return engine, memory


def run_out(engine: Engine) -> None:
    for _ in range(HOURS_MAX):
        engine.advance(timedelta(hours=1))
        if not engine.backend.under_way:
            return
    raise AssertionError(f"not ended within {HOURS_MAX} hours")


def check_state(engine: Engine, model: Model) -> None:
    """Every object has the state that the model says, and every message took effect once, in its sender's order."""
    states: dict[tuple[str, str], dict[str, Any]] = {}
    kept: dict[str, Any] = {}
    items: Counter[tuple[str, str, int]] = Counter()
    for (service, key), raw in engine.backend.state().items():
        state = {name: decode(value) for name, value in raw.items()}
        if service == "Record":
            assert len(state["kept"]) == 1, f"{key} came to several outcomes: {state['kept']}"
            kept[key] = state["kept"][0]
            continue
        log = state.pop("log", [])
        items += Counter((key, sender, number) for sender, number in log)
        for sender in {sender for sender, _ in log}:
            numbers = [number for each, number in log if each == sender]
            assert numbers == sorted(numbers), f"out of order at {key}: {log}"
        states[service, key] = state
    assert _without_empty(states) == _without_empty(model.state)
    assert kept == model.kept
    assert items == model.items


def _without_empty(states: Mapping[tuple[str, str], dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    return {each: state for each, state in states.items() if state}


def check_tables(memory: MemoryEngine) -> None:
    """Nothing is left of what has ended, and no journal holds a result twice."""
    completions: Counter[tuple[bytes, int]] = Counter()
    for row in memory.node.open_rows().journal(None):
        ids = [getattr(entry, "completion_id", None) for entry in row.chunk.entries]
        completions.update((row.invocation, each) for each in ids if each is not None)
    assert max(completions.values(), default=0) <= 1, f"a result is there twice: {completions.most_common(1)}"
    for table in ("statuses", "locks", "inbox", "timers", "callers", "waiters", "outbox", "rejected"):
        left = list(memory.disk.scan(table, b"", None))
        assert not left, f"left in {table}: {left}"


BATCHES = settings(
    max_examples=BATCH,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    print_blob=True,
)
drawn = given(
    started=st.lists(programs, min_size=1, max_size=3),
    stopped=st.none() | endless,
    weather=weather,
)


def check_programs(started: list[Any], stopped: tuple[Any, str] | None, weather: Weather) -> None:
    world = begin_world()
    model = Model("cancel" if stopped is None else stopped[1])
    named_programs = [named(program, f"p{number}") for number, program in enumerate(started)]
    if stopped is not None:
        named_programs.append(named(stopped[0], "endless"))
    expected = [run_in(model, program) for program in named_programs]
    engine, memory = start(weather)
    with engine:
        begun = [engine.send(run_thing, program, key="a") for program in named_programs]
        if stopped is not None:
            stop(engine, begun[-1], stopped[1])
        assert [outcome_of(invocation) for invocation in begun] == expected
        assert [outcome_of(engine.attach(invocation.id, run_thing)) for invocation in begun] == expected
        run_out(engine)
        check_state(engine, model)
        check_tables(memory)
        engine.crash_and_restart(power=weather.power)
        check_state(engine, model)
        figures["programs"] += len(begun)
        figures["steps"] += sum(world.executed.values())
        figures["journal records"] += engine.backend.records
        figures["crashes"] += engine.backend.crashes
        figures["callbacks"] += memory.loop.callbacks
    assert world.broken == []
    assert memory.loop.errors == []


def run_in(model: Model, program: Any) -> Any:
    try:
        return model.run(("Thing", "a"), program)
    except Killed:
        return KILLED


def stop(engine: Engine, invocation: Invocation[Any], how: str) -> None:
    """Ends a program where it waits for ever, when everything that it began has come to a standstill."""
    for _ in range(HOURS_MAX):
        if world.waiting:
            break
        engine.advance(timedelta(hours=1))
    engine.advance(timedelta(hours=1))
    if how == "cancel":
        invocation.cancel()
    else:
        invocation.kill()
    figures[how] += 1


def outcome_of(invocation: Invocation[Any]) -> Any:
    try:
        return invocation.result()
    except TerminalError as error:
        return ["error", error.status_code, error.message]
