"""The engine in memory: what a crash leaves behind, and that the same seed takes the same steps."""

from __future__ import annotations

import asyncio
import sys

import kit_programs as programs
import pytest

import odradek
from odradek import testing
from odradek.testing.engine import Engine
from odradek.testing.failures import Failures
from odradek_engine.application_file import BadApplication
from odradek_engine.log.simulated_cluster import Faults
from odradek_engine.testing.backend import MemoryBackend
from odradek_engine.testing.disk import Disk
from odradek_engine.testing.engine import MemoryEngine
from odradek_engine.testing.loop import VirtualLoop


def test_a_disk_without_power_keeps_what_was_synced() -> None:
    disk = Disk()
    disk.write([("t", b"a", b"1"), ("t", b"b", b"1")])
    disk.sync()
    disk.write([("t", b"a", b"2"), ("t", b"b", None), ("t", b"c", b"2")])
    assert list(disk.scan("t", b"", None)) == [(b"a", b"2"), (b"c", b"2")]
    disk.lose_power()
    assert list(disk.scan("t", b"", None)) == [(b"a", b"1"), (b"b", b"1")]
    disk.write([("t", b"a", b"3")])
    disk.lose_power()
    assert disk.get("t", b"a") == b"1"


def steps_of(seed: int) -> list[bytes]:
    """The journal records of a run."""
    records: list[bytes] = []
    loop = VirtualLoop(seed, threads=False)
    faults = Faults(error=0.05, doubled=0.05, late_ms=(0.0, 100.0))
    memory = MemoryEngine([programs.app], seed=seed, loop=loop, faults=faults)
    backend = MemoryBackend(memory)
    memory.crashes_at = lambda _point, record: bool(records.append(record))
    with Engine([programs.app], backend, Failures()) as engine:
        assert sorted(engine.call(programs.buy_twice, 5)) == [5, 5, 10]
    return records


def test_the_same_seed_takes_the_same_steps() -> None:
    assert steps_of(3) == steps_of(3)
    assert steps_of(3) != steps_of(4)


def test_a_client_waits_through_crashes_while_the_engine_starts() -> None:
    memory = MemoryEngine([programs.app])
    backend = MemoryBackend(memory)
    with Engine([programs.app], backend, Failures()) as engine:
        invocation = engine.send(programs.deposit_in_a_month, 5, key="ada")
        for _ in range(3):
            memory.crash()
            starting = memory.loop.create_task(memory.start())
            memory.loop.run_for(0)
            assert starting.done()
        assert invocation.result() == 5
        assert memory.crashes == 3


def test_a_thread_of_a_dead_engine_tells_nobody() -> None:
    executions: list[int] = []
    service = odradek.Service("Service")

    @service.handler()
    async def step(ctx: odradek.Context) -> int:
        def act() -> int:
            executions.append(len(executions) + 1)
            if len(executions) == 1:
                memory.loop.call_soon_threadsafe(memory.crash)
            return executions[-1]

        return await ctx.run_typed("act", act)

    memory = MemoryEngine([odradek.app([service])])
    with Engine([odradek.app([service])], MemoryBackend(memory), Failures()) as engine:
        invocation = engine.send(step)
        assert (executions, invocation.done) == ([1], False)
        memory.loop.run_until_complete(memory.start())
        assert invocation.result() == 2
        assert memory.loop.errors == []


def test_an_engine_that_cannot_start_says_why() -> None:
    with pytest.raises(BadApplication, match="two applications have a service named Account"):
        testing.engine(programs.app, programs.app)


def test_without_the_engine_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "odradek_engine.testing", None)
    with pytest.raises(testing.ServerMissing, match=r"pip install odradek\[server\]"):
        testing.engine(programs.app)


def test_an_ended_engine_leaves_no_task_behind() -> None:
    with testing.engine(programs.app) as engine:
        engine.send(programs.ask, key="ada")
        loop = engine.backend._loop  # type: ignore[attr-defined]
    assert loop.is_closed()
    assert not [task for task in asyncio.all_tasks(loop) if task.get_coro().cr_frame is not None]  # type: ignore[union-attr]
