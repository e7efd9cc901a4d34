"""Suspension: what resolves it, in which order it may come, and trees of what is awaited."""

import pytest
from test_machine_handler_messages import call

from machine_world import INPUT, World, service
from odradek.protocol import messages as m
from odradek.protocol.messages import Combinator, Future
from odradek_engine.model import commands as c
from odradek_engine.model.effects import Deliver, StartAttempt
from odradek_engine.model.events import ErrorRecorded, StatusChanged
from odradek_engine.model.rows import Invocation, Phase, Timer, TimerKind
from odradek_engine.partition.awaiting import AWAIT_DEPTH_MAX, Arrived, is_empty, is_too_deep


def nested(depth: int) -> Future:
    future = Future((1,))
    for _ in range(depth - 1):
        future = Future(nested_futures=(future,), combinator=Combinator.FIRST_COMPLETED)
    return future


def asleep(world: World, future: Future) -> Invocation:
    invocation = world.invoke(service())
    world.say(invocation, m.SleepCommand(world.now + 10, 1), m.Suspension(future))
    return invocation


class TestSuspension:
    def test_it_waits_and_goes_on_with_a_new_attempt(self) -> None:
        world = World()
        invocation = asleep(world, Future((1,)))
        status = world.status(invocation)
        assert (status.phase, status.awaiting, status.attempt) == (Phase.SUSPENDED, Future((1,)), 1)
        assert world.started() == []
        world.restart()
        world.now += 10
        world.decide(c.FireTimer(Timer(world.now, TimerKind.SLEEP, invocation.id, 1)))
        start = world.only(StartAttempt)
        assert (start.attempt, start.journal) == (2, world.journal(invocation))
        assert start.journal[-1] == m.SleepCompletion(1)
        assert world.found(Deliver) == []
        assert world.status(invocation).awaiting is None

    def test_what_is_there_already_wakes_it_at_once(self) -> None:
        world = World()
        invocation = world.invoke(service())
        world.say(invocation, m.SleepCommand(world.now + 10, 1))
        world.now += 10
        world.decide(c.FireTimer(Timer(world.now, TimerKind.SLEEP, invocation.id, 1)))
        world.say(invocation, m.Suspension(Future((1,))))
        assert world.started() == [(invocation.id, 2)]

    def test_what_comes_in_the_same_stretch_wakes_it_at_once(self) -> None:
        world = World()
        invocation = world.invoke(service())
        stretch = (m.RunCommand(1), m.ProposeRunCompletion(1, b"r"), m.Suspension(Future((1,))))
        world.say(invocation, *stretch)
        assert world.only(StartAttempt).journal == (INPUT, m.RunCommand(1), m.RunCompletion(1, b"r"))
        assert world.found(Deliver) == []

    def test_other_things_do_not_wake_it(self) -> None:
        world = World()
        invocation = asleep(world, Future((1,), (17,)))
        for signal in (18, "name"):
            world.decide(c.Signal(invocation.id, m.SignalNotification(signal, b"")))
        assert world.status(invocation).phase is Phase.SUSPENDED
        world.decide(c.Signal(invocation.id, m.SignalNotification(17, b"")))
        assert world.started() == [(invocation.id, 2)]

    def test_the_old_attempt_says_nothing_more(self) -> None:
        world = World()
        invocation = asleep(world, Future((1,), (17,)))
        world.say(invocation, m.RunCommand(9))
        assert world.events == []
        world.decide(c.Signal(invocation.id, m.SignalNotification(17, b"")))
        world.say(invocation, m.RunCommand(9), attempt=1)
        assert world.events == []

    def test_past_failures_are_forgotten(self) -> None:
        world = World()
        invocation = world.invoke(service())
        world.say(invocation, m.Error(500, "no"))
        timer = Timer(world.status(invocation).retry.next_retry_at or 0, TimerKind.RETRY, invocation.id, 2)  # type: ignore[union-attr]
        world.now = timer.due_at
        world.decide(c.FireTimer(timer))
        world.say(invocation, m.Suspension(Future((), (17,))))
        assert world.status(invocation).retry is None

    @pytest.mark.parametrize(
        "future", [Future(), Future(combinator=Combinator.ALL_COMPLETED), Future(nested_futures=(Future(), Future()))]
    )
    def test_on_nothing_it_breaks_the_attempt(self, future: Future) -> None:
        world = World()
        invocation = world.invoke(service())
        world.say(invocation, m.RunCommand(1), m.Suspension(future))
        assert world.only(ErrorRecorded).event.failure.error_code == "RT0012"  # type: ignore[union-attr]
        assert world.status(invocation).phase is Phase.INVOKED
        assert world.journal(invocation) == (INPUT, m.RunCommand(1))

    def test_trees_as_deep_as_a_row_can_hold_are_taken(self) -> None:
        world = World()
        invocation = world.invoke(service())
        world.say(invocation, call(invocation_id_notification_idx=2, result_completion_id=1))
        world.say(invocation, m.Suspension(nested(AWAIT_DEPTH_MAX)))
        assert world.status(invocation).phase is Phase.SUSPENDED
        world.restart()
        world.decide(c.CompleteCall(invocation.id, m.CallCompletion(1, b"")))
        assert world.started() == [(invocation.id, 2)]

    def test_deeper_ones_pause_the_invocation(self) -> None:
        world = World()
        invocation = world.invoke(service())
        world.say(invocation, m.RunCommand(1), m.Suspension(nested(AWAIT_DEPTH_MAX + 1)))
        assert world.status(invocation).phase is Phase.PAUSED
        assert world.only(ErrorRecorded).event.failure.error_code == "RT0025"  # type: ignore[union-attr]
        assert world.journal(invocation) == (INPUT, m.RunCommand(1))
        assert len(world.found(StatusChanged)) == 1


OPEN, GOOD, BAD = 1, 2, 3


def arrived() -> Arrived:
    there = Arrived()
    there.add_completion(GOOD, True)
    there.add_completion(BAD, False)
    there.add_completion(GOOD, False)  # the first one counts
    there.add_signal(17, True)
    there.add_signal("name", False)
    return there


class TestTrees:
    @pytest.mark.parametrize(
        ("combinator", "resolved"),
        [
            # which of the sets of leaves resolve: open; open+good; open+bad; good+bad; bad; good
            (Combinator.UNKNOWN, (False, True, True, True, True, True)),
            (Combinator.FIRST_COMPLETED, (False, True, True, True, True, True)),
            (Combinator.ALL_COMPLETED, (False, False, False, True, True, True)),
            (Combinator.FIRST_SUCCEEDED_OR_ALL_FAILED, (False, True, False, True, True, True)),
            (Combinator.ALL_SUCCEEDED_OR_FIRST_FAILED, (False, False, True, True, True, True)),
        ],
    )
    def test_each_combinator(self, combinator: Combinator, resolved: tuple[bool, ...]) -> None:
        leaves = ((OPEN,), (OPEN, GOOD), (OPEN, BAD), (GOOD, BAD), (BAD,), (GOOD,))
        assert tuple(arrived().resolves(Future(ids, combinator=combinator)) for ids in leaves) == resolved

    @pytest.mark.row("G8")
    def test_the_outcome_of_a_child_counts_above(self) -> None:
        all_failed = Future((BAD,), combinator=Combinator.FIRST_SUCCEEDED_OR_ALL_FAILED)
        first_failed = Future(
            (OPEN,), nested_futures=(all_failed,), combinator=Combinator.ALL_SUCCEEDED_OR_FIRST_FAILED
        )
        assert arrived().resolves(first_failed)
        succeeded = Future((OPEN,), nested_futures=(all_failed,), combinator=Combinator.FIRST_SUCCEEDED_OR_ALL_FAILED)
        assert not arrived().resolves(succeeded)

    def test_signals_by_index_and_name(self) -> None:
        there = arrived()
        assert there.resolves(Future((), (17,)))
        assert there.resolves(Future((), (), ("name",)))
        assert not there.resolves(Future((17,), (2,), ("17",)))

    def test_what_has_arrived(self) -> None:
        there = arrived()
        assert [there.has_completion(one) for one in (OPEN, GOOD, BAD)] == [False, True, True]
        assert [there.has_signal(one) for one in (17, "name", 18, "other")] == [True, True, False, False]

    def test_emptiness_and_depth(self) -> None:
        assert is_empty(Future(nested_futures=(Future(nested_futures=(Future(),)),)))
        for future in (Future((1,)), Future((), (1,)), Future((), (), ("n",)), Future(nested_futures=(Future((1,)),))):
            assert not is_empty(future)
        assert not is_too_deep(nested(AWAIT_DEPTH_MAX))
        assert is_too_deep(nested(AWAIT_DEPTH_MAX + 1))
