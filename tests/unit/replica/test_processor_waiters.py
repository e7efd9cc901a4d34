"""Who waits for results at a partition: told once, and not kept a moment longer than they wait."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from partition_node import HandLog, PartitionNode

from machine_world import INPUT, add, service
from odradek.protocol import messages as m
from odradek_engine.model import commands as c
from odradek_engine.model import outcomes as o
from odradek_engine.model.rows import Result
from until import until


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


class Asker:
    """Somebody who asks, and hears the outcome."""

    def __init__(self) -> None:
        self.told: list[o.AnyOutcome] = []

    def __call__(self, outcome: o.AnyOutcome) -> None:
        self.told.append(outcome)


async def leave_before_it_is_durable(log: HandLog, node: PartitionNode) -> weakref.ref[Asker]:
    """An asker whose question and leave are in a record that the log still holds."""
    await node.lead()
    log.held = True
    invocation = node.world.invocation(add())
    leaving = Asker()
    node.processor.submit(c.Invoke(invocation, INPUT, wait=True), leaving)
    await node.under_way(1)
    node.processor.submit_inner(c.Detach(invocation.id), leaving)
    await until(lambda: not node.processor.queue)
    return weakref.ref(leaving)


class TestWhoHasLeft:
    @pytest.mark.parametrize("ask", [c.Attach, c.ReadOutput])
    def test_is_not_kept_while_the_invocation_goes_on(self, ask: Callable[[bytes], c.AnyCommand]) -> None:
        async def test() -> None:
            node = PartitionNode(HandLog())
            await node.lead()
            invocation = node.world.invocation(service())
            staying, leaving = Asker(), Asker()
            node.processor.submit(c.Invoke(invocation, INPUT, wait=True), staying)
            await until(lambda: node.handlers.all)
            node.processor.submit(ask(invocation.id), leaving)
            await until(lambda: node.processor.idle)
            left = weakref.ref(leaving)
            node.processor.submit_inner(c.Detach(invocation.id), leaving)
            del leaving
            await until(lambda: left() is None)
            node.handlers.last.say(m.OutputCommand(b"out"), m.End())
            await until(lambda: staying.told)
            assert staying.told == [o.Ended(invocation.id, Result(b"out"), target=invocation.target)]

        run(test())

    def test_is_let_go_although_the_question_is_not_durable_yet(self) -> None:
        async def test() -> None:
            log = HandLog()
            node = PartitionNode(log)
            left = await leave_before_it_is_durable(log, node)
            log.writer.acknowledge()
            await until(lambda: node.handlers.all)
            assert left() is None

        run(test())

    @pytest.mark.parametrize("written", [0, 1])
    def test_is_let_go_by_the_next_term(self, written: int) -> None:
        async def test() -> None:
            log = HandLog()
            node = PartitionNode(log)
            left = await leave_before_it_is_durable(log, node)
            await node.lead_again(written)
            await until(lambda: node.handlers.all and node.processor.idle)
            assert left() is None

        run(test())
