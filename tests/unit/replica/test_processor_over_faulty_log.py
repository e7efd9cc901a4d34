"""A partition over a log that delays, doubles, loses and delivers late: every asker is told once, and the truth."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest
from partition_node import Handler, Handlers, HandLog, PartitionNode

from machine_world import INPUT, add
from odradek.protocol import messages as m
from odradek_engine.log.port import Cleanup, TopicSpec
from odradek_engine.log.simulated import SimulatedLog
from odradek_engine.log.simulated_cluster import Faults, SimulatedCluster
from odradek_engine.model import commands as c
from odradek_engine.model import outcomes as o
from odradek_engine.replica import candidacy, processor
from odradek_engine.store.memory import MemoryStore
from until import until

FAULTS = Faults(delay_ms=(0.0, 1.0), slow=0.05, slow_ms=(1.0, 10.0), error=0.05, late_ms=(0.0, 30.0), doubled=0.03)
CALLS = 60
KEYS = ("a", "b", "c")


class Adders(Handlers):
    """Handlers that count up their object's state, as a program would: from their journal on."""

    def start(self, service: str, handler: str, start: m.Start, journal: Sequence[m.Entry], engine: Any) -> Handler:
        made = super().start(service, handler, start, journal, engine)
        asyncio.get_running_loop().call_soon(self.go_on, made)
        return made

    def go_on(self, handler: Handler) -> None:
        if handler.aborted:
            return
        total = next((one.value for one in handler.journal if isinstance(one, m.SetStateCommand)), None)
        if total is None:
            total = b"%d" % (int(handler.start.state_map.get(b"total", b"0")) + 1)
            handler.say(m.SetStateCommand(b"total", total))
        handler.say(m.OutputCommand(total), m.End())


@pytest.mark.parametrize("seed", range(6))
def test_each_call_counts_once(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processor, "ANNOUNCE_AGAIN_SECONDS", 0.001)
    monkeypatch.setattr(candidacy, "ALIVE_MS", 0)  # what a writer gave up may come late, and is no sign of life

    async def test() -> None:
        cluster = SimulatedCluster(seed, asyncio.get_running_loop(), FAULTS)
        cluster.create(TopicSpec("journal", 1, Cleanup.NEVER_BY_TIME))
        log, store = cast(HandLog, SimulatedLog(cluster)), MemoryStore()
        node = PartitionNode(log, store, seed=seed, flush_interval=0.002)
        node.handlers = Adders()
        await node.lead()
        told: list[list[o.AnyOutcome]] = []
        for number in range(CALLS):
            invocation = node.world.invocation(add(KEYS[number % len(KEYS)]))
            told.append(node.submit(c.Invoke(invocation, INPUT, wait=True)))
            await asyncio.sleep(0.002)
        await until(lambda: all(told))
        assert [len(outcomes) for outcomes in told] == [1] * CALLS
        for at in range(len(KEYS)):
            totals = [outcomes[0].result.value for outcomes in told[at :: len(KEYS)]]  # type: ignore[union-attr]
            assert totals == [b"%d" % (number + 1) for number in range(CALLS // len(KEYS))]
        assert not node.halted
        await node.processor.stop()
        await same_tables_from_the_journal_alone(node, log, seed)

    asyncio.run(test())


async def same_tables_from_the_journal_alone(node: PartitionNode, log: HandLog, seed: int) -> None:
    node.flusher.flush()
    anew = PartitionNode(log, MemoryStore(), seed=seed + 1000, flush_interval=0.002)
    await anew.lead()
    await anew.processor.stop()
    for table in ("completions", "state", "locks", "statuses", "journal", "counters"):
        assert list(anew.store.scan(table, b"", None)) == list(node.store.scan(table, b"", None))
