"""A partition over its terms: announcement, durability before any answer, and what a broken term leaves behind."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from partition_node import HandClock, HandLog, PartitionNode

from machine_world import INPUT, NOW, add, service
from odradek.protocol import messages as m
from odradek_engine.gateway import Overloaded
from odradek_engine.log.port import LogError, LogUnavailable, UnknownTopic
from odradek_engine.model import commands as c
from odradek_engine.model import events as e
from odradek_engine.model import outcomes as o
from odradek_engine.model.registry import Deployment
from odradek_engine.model.rows import Caller, Result
from odradek_engine.replica import leader, processor
from odradek_engine.replica.announcement import announcement_record
from odradek_engine.replica.fence import Fence
from odradek_engine.replica.position import read_position
from odradek_engine.replica.recovery import Deposed
from until import until

DONE = (m.OutputCommand(b"out"), m.End())
AGAIN_SECONDS = 0.02


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


def created(log: HandLog) -> list[bytes]:
    """Invocations created by records that count, in order."""
    fence, found = Fence(), []
    for record in log.records():
        admitted = fence.admit(record)
        if admitted is not None:
            fence = admitted
            found += [event.invocation.id for event in record.events() if isinstance(event, e.InvocationCreated)]
    return found


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processor, "ANNOUNCE_AGAIN_SECONDS", AGAIN_SECONDS)


class TestFirstTerm:
    def test_it_announces_itself_and_serves(self) -> None:
        async def test() -> None:
            node = PartitionNode(HandLog())
            await node.lead()
            invocation = node.world.invocation(service())
            assert await node.ask(c.Invoke(invocation, INPUT)) == o.Accepted(invocation.id, existing=False)
            announcement, record = node.log.records()
            assert announcement.events() == [e.LeaderElected("node-1", "c1", 1)]
            assert (announcement.epoch, announcement.index) == (1, 0)
            assert (record.announcement, record.epoch, record.index) == (announcement.announcement, 1, 1)
            assert record.time_ms == NOW

        run(test())

    def test_nothing_leaves_before_the_acknowledgement(self) -> None:
        async def test() -> None:
            node = PartitionNode(HandLog(), partitions=3)
            await node.lead()
            node.log.held = True
            invocation = node.world.invocation(service())
            told = node.submit(c.Invoke(invocation, INPUT))
            await node.under_way(1)
            seen = node.submit(c.ReadOutput(invocation.id))  # it could have read the record under way
            await until(lambda: not node.processor.queue)
            assert (told, seen, node.handlers.all) == ([], [], [])
            assert node.store.get("statuses", b"\0\0" + invocation.id) is None
            node.log.writer.acknowledge()
            assert told == [o.Accepted(invocation.id, existing=False)]
            assert seen == [o.NotCompleted(invocation.id)]
            assert len(node.handlers.all) == 1
            await until(lambda: node.store.get("statuses", b"\0\0" + invocation.id))

        run(test())

    def test_commands_of_one_pass_share_a_record(self) -> None:
        async def test() -> None:
            node = PartitionNode(HandLog(), batch=3)
            await node.lead()
            told = [node.submit(c.Invoke(node.world.invocation(service()), INPUT)) for _ in range(7)]
            await until(lambda: all(told))
            assert [len(record.parts) for record in node.log.records()[1:]] == [3, 3, 1]

        run(test())

    def test_no_more_records_are_under_way_than_allowed_and_the_rest_follows(self) -> None:
        async def test() -> None:
            node = PartitionNode(HandLog(), batch=1)
            await node.lead()
            node.log.held = True
            limit = leader.RECORDS_IN_FLIGHT_MAX
            told = [node.submit(c.Invoke(node.world.invocation(service()), INPUT)) for _ in range(limit + 5)]
            await node.under_way(limit)
            for _ in range(20):
                await asyncio.sleep(0)
            assert len(node.log.writer.under_way) == limit
            node.log.held = False
            node.log.writer.acknowledge(limit)
            await until(lambda: all(told))

        run(test())

    def test_a_full_queue_takes_nothing_more(self) -> None:
        async def test() -> None:
            node = PartitionNode(HandLog(), queue_length=2)
            await node.lead()
            for _ in range(2):
                node.submit(c.CleanUp())
            with pytest.raises(Overloaded, match="2 commands wait"):
                node.submit(c.CleanUp())

        run(test())


class TestRestart:
    def test_it_goes_on_where_it_stood(self) -> None:
        async def test() -> None:
            log = HandLog()
            node = PartitionNode(log)
            await node.lead()
            invocation = node.world.invocation(add())
            await node.ask(c.Invoke(invocation, INPUT))
            node.handlers.last.say(m.RunCommand(1), m.ProposeRunCompletion(1, b"r"))
            await until(lambda: node.handlers.last.delivered)
            await node.processor.stop()
            again = PartitionNode(log, node.store, seed=2)
            await again.lead()
            await until(lambda: again.handlers.all)
            expected = (INPUT, m.RunCommand(1), m.RunCompletion(1, b"r"))
            assert again.handlers.last.journal == expected
            assert log.records()[-1].epoch == 2
            again.handlers.last.say(*DONE)
            assert (await again.ask(c.Attach(invocation.id))).result == Result(b"out")  # type: ignore[union-attr]

        run(test())

    @pytest.mark.parametrize("keep_store", [True, False])
    def test_what_was_never_flushed_is_read_from_the_journal(self, keep_store: bool) -> None:
        async def test() -> None:
            log = HandLog()
            node = PartitionNode(log, flush_interval=3600)
            await node.lead()
            invocation = node.world.invocation(add())
            await node.ask(c.Invoke(invocation, INPUT))
            again = PartitionNode(log, node.store if keep_store else None, seed=2)
            await again.lead()
            assert await again.ask(c.ReadOutput(invocation.id)) == o.NotCompleted(invocation.id)

        run(test())

    def test_a_stopped_node_leaves_the_position_that_it_reached(self) -> None:
        async def test() -> None:
            node = PartitionNode(HandLog(), flush_interval=3600)
            await node.lead()
            await node.ask(c.Invoke(node.world.invocation(service()), INPUT))
            await node.processor.stop()
            position = read_position(node.store, 0)
            assert position is not None
            assert (position.offset, position.index, position.epoch) == (1, 1, 1)
            with pytest.raises(Overloaded):
                node.submit(c.CleanUp())

        run(test())

    def test_timers_and_messages_go_on(self) -> None:
        async def test() -> None:
            log, clock = HandLog(), HandClock()
            node = PartitionNode(log, clock=clock, partitions=3)
            await node.lead()
            delayed = node.world.invocation(service(), at=NOW + 20)
            await node.ask(c.Invoke(delayed, INPUT))
            caller = Caller(b"\0" * 7 + b"\1" + bytes(16), 7)
            called = node.world.invocation(service(), caller=caller)
            node.processor.submit_inner(c.ReceiveMessage(1, 1, c.Invoke(called, INPUT)))
            await until(lambda: node.handlers.all)
            node.handlers.last.say(*DONE)
            await until(lambda: node.neighbours.sent)
            assert node.neighbours.terms == 1
            told = list(node.neighbours.sent)
            (target,) = {message[0] for message in told}
            node.processor.send_again(target)
            assert node.neighbours.sent == told * 2
            node.processor.send_again(3 - target)
            assert node.neighbours.sent == told * 2
            node.neighbours.sent = told
            await node.processor.stop()
            again = PartitionNode(log, node.store, clock=clock, partitions=3, seed=2)
            await again.lead()
            assert again.neighbours.sent == node.neighbours.sent
            assert again.handlers.all == []
            clock.ms += 20
            await until(lambda: again.handlers.of(delayed.id))

        run(test())


class TestBrokenTerms:
    @pytest.mark.parametrize("written", [0, 1, 2])
    def test_what_was_written_is_told_and_the_rest_decided_again(self, written: int) -> None:
        async def test() -> None:
            node = PartitionNode(HandLog())
            await node.lead()
            node.log.held = True
            invocations = [node.world.invocation(service()) for _ in range(2)]
            told = []
            for number, invocation in enumerate(invocations):
                told.append(node.submit(c.Invoke(invocation, INPUT)))
                await node.under_way(number + 1)
            late = await node.lead_again(written)
            await until(lambda: all(told))
            assert told == [[o.Accepted(one.id, existing=False)] for one in invocations]
            for value in late:
                node.log.put(value)  # the zombie's records turn up
            assert created(node.log) == [one.id for one in invocations]
            for invocation in invocations:
                await until(lambda raw=invocation.id: len(node.handlers.of(raw)) == 1)  # type: ignore[misc]
            assert not node.halted

        run(test())

    def test_readers_of_what_was_lost_are_answered_anew(self) -> None:
        async def test() -> None:
            node = PartitionNode(HandLog())
            await node.lead()
            node.log.held = True
            invocation = node.world.invocation(service(), key="k")
            first = node.submit(c.Invoke(invocation, INPUT))
            await node.under_way(1)
            second = node.submit(c.Invoke(invocation, INPUT))
            waiting = node.submit(c.Attach(invocation.id))
            await until(lambda: not node.processor.queue)
            await node.lead_again()
            await until(lambda: first and second)
            assert [first, second] == [[o.Accepted(invocation.id, existing)] for existing in (False, True)]
            await until(lambda: node.handlers.all)
            node.handlers.last.say(*DONE)
            await until(lambda: waiting)
            assert waiting[0].result == Result(b"out")  # type: ignore[union-attr]

        run(test())

    def test_running_attempts_are_aborted_and_start_again(self) -> None:
        async def test() -> None:
            node = PartitionNode(HandLog())
            await node.lead()
            invocation = node.world.invocation(add())
            result = node.submit(c.Invoke(invocation, INPUT, wait=True))
            await until(lambda: node.handlers.all)
            node.log.held = True
            (old,) = node.handlers.all
            old.say(m.RunCommand(1), m.ProposeRunCompletion(1, b"lost"))
            await node.under_way(1)
            old.say(m.RunCommand(2), m.ProposeRunCompletion(2, b"not even decided"))
            await node.lead_again()
            assert old.aborted
            await until(lambda: len(node.handlers.all) == 2)
            assert node.handlers.last.journal == (INPUT,)
            old.say(*DONE)
            node.handlers.last.say(m.OutputCommand(b"new"), m.End())
            await until(lambda: result)
            assert result[0].result == Result(b"new")  # type: ignore[union-attr]
            assert len(result) == 1

        run(test())

    def test_where_records_go_one_by_one_the_next_one_goes_after_a_break(self) -> None:
        async def test() -> None:
            log = HandLog()
            log.rounds_in_flight = 1
            node = PartitionNode(log)
            await node.lead()
            log.held = True
            told = [node.submit(c.Invoke(node.world.invocation(service()), INPUT))]
            await node.under_way(1)
            told.append(node.submit(c.Invoke(node.world.invocation(service()), INPUT)))
            await node.lead_again()
            told.append(node.submit(c.Invoke(node.world.invocation(service()), INPUT)))
            await until(lambda: all(told))

        run(test())

    def test_a_result_that_was_written_reaches_who_waited(self) -> None:
        async def test() -> None:
            node = PartitionNode(HandLog())
            await node.lead()
            invocation = node.world.invocation(service(), journal_kept=0)
            result = node.submit(c.Invoke(invocation, INPUT, wait=True))
            await until(lambda: node.handlers.all)
            node.log.held = True
            node.handlers.last.say(*DONE)
            await node.under_way(1)
            await node.lead_again(written=1)
            await until(lambda: result)
            assert result == [o.Ended(invocation.id, Result(b"out"), target=invocation.target)]
            assert len(node.handlers.all) == 1

        run(test())

    def test_neighbours_and_the_registry_hear_of_what_was_written(self) -> None:
        async def test() -> None:
            node = PartitionNode(HandLog(), partitions=3)
            await node.lead()
            node.log.held = True
            target = node.world.invocation(service())
            node.processor.submit_inner(c.ReceiveMessage(1, 1, c.Invoke(target, INPUT)))
            told = node.submit(c.RegisterDeployment(Deployment("dp", 1, "", 5, 7, ())))
            await node.under_way(1)
            await node.lead_again(written=1)
            await until(lambda: told)
            assert node.neighbours.acknowledged == [(1, 1)]
            assert node.neighbours.registry_changes == 1

        run(test())

    def test_another_offset_than_expected_breaks_the_term(self) -> None:
        async def test() -> None:
            node = PartitionNode(HandLog())
            await node.lead()
            node.log.held = True
            told = node.submit(c.Invoke(node.world.invocation(service()), INPUT))
            await node.under_way(1)
            node.log.held = False
            node.log.writer.acknowledge_at(7)
            assert told == []
            await until(lambda: told)
            assert [record.epoch for record in node.log.records()] == [1, 1, 2]

        run(test())

    def test_the_position_never_goes_back(self) -> None:
        async def test() -> None:
            node = PartitionNode(HandLog(), flush_interval=3600)
            await node.lead()
            for _ in range(3):
                await node.ask(c.Invoke(node.world.invocation(service()), INPUT))
            offsets = []
            write = node.store.write

            def noting(changes: Any) -> None:
                write(changes)
                position = read_position(node.store, 0)
                offsets.append(position.offset if position else -1)

            node.store.write = noting  # type: ignore[method-assign]
            await node.lead_again()
            assert offsets == sorted(offsets)
            assert offsets[0] == 3

        run(test())

    def test_a_recovery_that_has_to_try_again_still_knows_what_was_written(self) -> None:
        async def test() -> None:
            node = PartitionNode(HandLog())
            await node.lead()
            node.log.held = True
            target = node.world.invocation(service())
            first = node.submit(c.Invoke(target, INPUT))
            await node.under_way(1)
            signal = node.submit(c.Signal(target.id, m.SignalNotification("again")))
            await node.under_way(2)
            before = len(node.log.writers)
            node.log.writer.fail(written=2)
            await until(lambda: len(node.log.writers) > before)  # the tail is read, the announcement under way
            node.log.writer.fail()
            node.log.held = False
            await until(lambda: node.processor.leading)
            await until(lambda: first and signal)
            assert signal == [o.Done()]
            journal = node.processor.tables.journal_entries(target.id)
            assert journal == (INPUT, m.SignalNotification("again"))

        run(test())

    def test_a_clock_that_was_set_does_not_hold_up_timers(self) -> None:
        async def test() -> None:
            node = PartitionNode(HandLog())
            await node.lead()
            invocation = node.world.invocation(service(), at=NOW + 3_600_000)
            await node.ask(c.Invoke(invocation, INPUT))
            node.clock.ms += 3_600_000
            node.processor.look_at_clock()
            await until(lambda: node.handlers.all)

        run(test())

    def test_a_first_announcement_of_unknown_fate_is_made_anew(self) -> None:
        async def test() -> None:
            log = HandLog()
            log.held = True
            node = PartitionNode(log)
            task = asyncio.create_task(node.lead())
            await until(lambda: log.writers and log.writer.under_way)
            log.writer.fail(written=1)
            log.held = False
            await task
            assert [record.epoch for record in log.records()] == [1, 2]
            assert node.processor.leading

        run(test())

    def test_a_first_announcement_that_comes_behind_another_one_is_made_anew(self) -> None:
        async def test() -> None:
            log = HandLog()
            log.held = True
            node = PartitionNode(log)
            task = asyncio.create_task(node.lead())
            await until(lambda: log.writers and log.writer.under_way)
            log.put(announcement_record(b"left over", 1, NOW, "before", "c1", 1))
            log.held = False
            log.writer.acknowledge()
            await task
            assert [record.epoch for record in log.records()] == [1, 1, 2]

        run(test())

    def test_an_own_announcement_that_was_given_up_and_comes_late_is_overtaken(self) -> None:
        async def test() -> None:
            node = PartitionNode(HandLog())
            await node.lead()
            node.log.held = True
            before = len(node.log.writers)
            node.log.writer.fail()
            await until(lambda: len(node.log.writers) == before + 1 and node.log.writer.under_way)
            (late,) = node.log.writer.fail()
            await until(lambda: len(node.log.writers) == before + 2 and node.log.writer.under_way)
            node.log.put(late)
            node.log.held = False
            node.log.writer.acknowledge()
            await until(lambda: node.processor.leading)
            assert not node.halted
            assert [record.epoch for record in node.log.records()] == [1, 2, 2, 3]

        run(test())

    @pytest.mark.parametrize("error", [LogError("the disk is full"), LogUnavailable("nobody answers")])
    def test_a_log_in_trouble_is_tried_again(self, error: LogError) -> None:
        async def test() -> None:
            node = PartitionNode(HandLog())
            await node.lead()
            node.log.trouble = [error, error]
            loop = asyncio.get_running_loop()
            started = loop.time()
            await node.lead_again(error=error)
            assert loop.time() - started >= 2 * AGAIN_SECONDS
            assert not node.halted

        run(test())

    def test_a_log_without_the_topic_halts_the_node(self) -> None:
        async def test() -> None:
            node = PartitionNode(HandLog())
            await node.lead()

            async def gone(*_: object) -> int:
                raise UnknownTopic("no such topic")

            node.log.end_offset = gone  # type: ignore[assignment, method-assign]
            node.log.writer.fail()
            await until(lambda: node.halted)
            assert isinstance(node.halted[0], UnknownTopic)

        run(test())

    def test_a_newer_leader_deposes_it(self) -> None:
        async def test() -> None:
            node = PartitionNode(HandLog())
            await node.lead()
            node.log.held = True
            before = len(node.log.writers)
            node.log.writer.fail()
            await until(lambda: len(node.log.writers) > before and node.log.writer.under_way)
            node.log.put(announcement_record(b"other" * 3 + b"o", 2, NOW, "other", "c1", 1))
            node.log.writer.acknowledge()
            await until(lambda: node.halted)
            assert isinstance(node.halted[0], Deposed)
            assert not node.processor.leading

        run(test())

    def test_a_stopping_node_does_not_come_back(self) -> None:
        async def test() -> None:
            node = PartitionNode(HandLog())
            await node.lead()
            await node.processor.stop()
            node.log.writer.fail()
            await asyncio.sleep(0)
            assert len(node.log.writers) == 1

        run(test())
