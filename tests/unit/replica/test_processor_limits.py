"""What fits no record, how many due timers are under way, a silent leader, and answers that another one could belie."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from partition_node import HandLog, PartitionNode

from machine_world import INPUT, NOW, add, service
from odradek.protocol import messages as m
from odradek_engine.model import commands as c
from odradek_engine.model import outcomes as o
from odradek_engine.model.events import TimerCleared
from odradek_engine.model.rows import Phase
from odradek_engine.replica import leader, processor, timers
from odradek_engine.replica.record import decode_record
from until import until


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


class TestWhatDoesNotFit:
    def test_a_command_that_no_record_holds_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def test() -> None:
            monkeypatch.setattr(leader, "RECORD_BYTES_MAX", 2_000)
            node = PartitionNode(HandLog())
            await node.lead()
            small, large = node.world.invocation(add()), node.world.invocation(add())
            told = [
                node.submit(c.Invoke(small, INPUT)),
                node.submit(c.Invoke(large, m.InputCommand((), bytes(2_000)))),
                node.submit(c.ReadOutput(large.id)),
            ]
            await until(lambda: all(told))
            assert told[0] == [o.Accepted(small.id, existing=False)]
            assert told[1][0].code == 413  # type: ignore[union-attr]
            assert told[2] == [o.NotFound(large.id)]
            assert node.processor.tables.locks.get(b"\0\7Counter\0\0\0\1a").tail == 0  # type: ignore[union-attr]

        run(test())

    def test_a_record_is_filled_up_to_its_limit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def test() -> None:
            monkeypatch.setattr(leader, "RECORD_BYTES_MAX", 2_000)
            node = PartitionNode(HandLog())
            await node.lead()
            entry = m.InputCommand((), bytes(700))
            told = [node.submit(c.Invoke(node.world.invocation(service()), entry)) for _ in range(5)]
            await until(lambda: all(told))
            assert [len(record.parts) for record in node.log.records()[1:]] == [2, 2, 1]

        run(test())

    def test_a_message_of_a_handler_that_no_record_holds_fails_its_attempt(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def test() -> None:
            monkeypatch.setattr(leader, "RECORD_BYTES_MAX", 2_000)
            node = PartitionNode(HandLog())
            await node.lead()
            invocation = node.world.invocation(add())
            await node.ask(c.Invoke(invocation, INPUT))
            await until(lambda: node.handlers.all)
            node.handlers.last.say(m.SetStateCommand(b"n", bytes(2_000)))
            await until(lambda: node.handlers.last.aborted)
            status = node.processor.tables.statuses.get(invocation.id)
            assert status is not None
            assert status.retry is not None
            assert status.retry.last_failure.error_code == "RT0003"

        run(test())

    def test_a_text_that_no_record_can_hold_takes_nothing_else_with_it(self) -> None:
        async def test() -> None:
            node = PartitionNode(HandLog())
            await node.lead()
            good, bad = node.world.invocation(service()), node.world.invocation(service())
            told = [
                node.submit(c.Invoke(good, INPUT)),
                node.submit(c.Invoke(bad, m.InputCommand((m.Header("h", "\udcff"),), b""))),
            ]
            await until(lambda: all(told))
            assert told[0] == [o.Accepted(good.id, existing=False)]
            assert told[1][0].code == 500  # type: ignore[union-attr]
            await until(lambda: node.handlers.all)
            node.handlers.last.say(m.OutputCommand(failure=m.Failure(500, "\udcff")), m.End())
            await until(lambda: node.processor.tables.errors.rows(good.id))
            status = node.processor.tables.statuses.get(good.id)
            assert status is not None
            assert status.phase is Phase.INVOKED
            assert status.retry is not None
            assert status.retry.last_failure.error_code == "RT0006"

        run(test())


class TestDueTimers:
    def test_they_do_not_crowd_the_queue_while_the_log_is_slow(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(processor, "TIMERS_UNDER_WAY_MAX", 4)
        monkeypatch.setattr(timers, "WINDOW", 6)

        async def test() -> None:
            log = HandLog()
            node = PartitionNode(log)
            await node.lead()
            scheduled = [node.world.invocation(service(), at=NOW + 1_000) for _ in range(20)]
            for invocation in scheduled:
                await node.ask(c.Invoke(invocation, INPUT))
            log.held = True
            node.clock.ms += 1_000
            node.processor.look_at_clock()
            await node.under_way(1)
            for _ in range(50):
                await asyncio.sleep(0)
            fired = [event for record in log.writer.under_way for event in decode_record(record).events()]
            assert sum(isinstance(event, TimerCleared) for event in fired) == 4
            assert not node.processor.queue
            log.held = False
            log.writer.acknowledge()
            await until(lambda: len(node.handlers.all) == len(scheduled))
            assert {handler.start.id for handler in node.handlers.all} == {each.id for each in scheduled}

        run(test())


class TestSilence:
    def test_a_leader_with_nothing_to_say_says_so(self) -> None:
        async def test() -> None:
            node = PartitionNode(HandLog())
            await node.lead()
            node.processor.heartbeat(0.5)
            assert node.log.writer.under_way == []
            node.clock.ms += 500
            node.log.held = True
            node.processor.heartbeat(0.5)
            node.clock.ms += 500
            node.processor.heartbeat(0.5)
            assert len(node.log.writer.under_way) == 1
            node.log.writer.acknowledge()
            assert node.processor.idle
            assert node.log.records()[-1].parts == ()

        run(test())

    def test_a_no_is_confirmed_where_another_process_could_lead(self) -> None:
        async def test() -> None:
            node = PartitionNode(HandLog(), confirm_negatives=True)
            await node.lead()
            node.log.held = True
            unknown = node.world.invocation(service()).id
            told = node.submit(c.ReadOutput(unknown))
            await node.under_way(1)
            assert told == []
            node.log.writer.acknowledge()
            assert told == [o.NotFound(unknown)]

        run(test())

    def test_a_record_from_before_the_question_confirms_nothing(self) -> None:
        async def test() -> None:
            node = PartitionNode(HandLog(), confirm_negatives=True)
            await node.lead()
            node.log.held = True
            node.submit(c.Invoke(node.world.invocation(service()), INPUT))
            await node.under_way(1)
            unknown = node.world.invocation(service()).id
            told = node.submit(c.ReadOutput(unknown))
            await node.under_way(2)
            node.log.writer.acknowledge()
            assert told == []
            node.log.writer.acknowledge()
            assert told == [o.NotFound(unknown)]

        run(test())

    def test_elsewhere_it_is_given_at_once(self) -> None:
        async def test() -> None:
            node = PartitionNode(HandLog())
            await node.lead()
            node.log.held = True
            unknown = node.world.invocation(service()).id
            assert await node.ask(c.ReadOutput(unknown)) == o.NotFound(unknown)
            assert len(node.log.values) == 1

        run(test())
