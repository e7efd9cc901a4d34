"""Creation, locks and inboxes, delays, the ends, the meeting of requests with one id."""

import pytest
from test_machine_handler_messages import call

from machine_world import DAY, HOUR, INPUT, World, add, get, service
from odradek.protocol.messages import CallCompletion, End, Failure, OutputCommand, SetStateCommand
from odradek_engine.model import commands as c
from odradek_engine.model import outcomes as o
from odradek_engine.model.effects import Answer, ArmTimer, AwaitResult, InvocationEnded, StartAttempt
from odradek_engine.model.rows import AttemptFailure, Lock, Phase, Result, Timer, TimerKind
from odradek_engine.model.target import Target, TargetKind
from odradek_engine.partition import keys
from odradek_engine.partition.decide.decision import Limits

DONE = OutputCommand(b"out")
FAILURE = AttemptFailure(500, "no", "RT0007")


def lock(world: World, key: str = "a") -> Lock | None:
    return world.tables.locks.get(keys.object_key("Counter", key))


class TestCreation:
    def test_a_service_starts_at_once(self) -> None:
        world = World()
        invocation = world.invoke(service())
        status = world.status(invocation)
        assert (status.phase, status.attempt, status.running_at) == (Phase.INVOKED, 1, world.now)
        start = world.only(StartAttempt)
        assert start.invocation == invocation
        assert (start.attempt, start.journal, start.state, start.partial_state) == (1, (INPUT,), {}, True)
        assert start.retries_since_stored_entry == 0
        assert world.only(Answer).outcome == o.Accepted(invocation.id, existing=False)

    def test_who_wants_the_result_waits(self) -> None:
        world = World()
        invocation = world.invocation(service())
        world.decide(c.Invoke(invocation, INPUT, wait=True))
        assert world.only(AwaitResult).invocation == invocation.id
        assert not world.found(Answer)

    def test_services_and_shared_handlers_take_no_lock(self) -> None:
        world = World()
        for target in (service(), get(), get()):
            assert world.status(world.invoke(target)).phase is Phase.INVOKED
        assert lock(world) is None

    def test_state_goes_with_the_start(self) -> None:
        world = World()
        world.say(world.invoke(add()), SetStateCommand(b"n", b"1"), SetStateCommand(b"m", b"2"))
        world.invoke(get())
        assert world.only(StartAttempt).state == {b"n": b"1", b"m": b"2"}
        assert world.only(StartAttempt).partial_state is False

    def test_state_beyond_the_limit_stays_behind(self) -> None:
        world = World(limits=Limits(eager_state_bytes=4))
        world.say(world.invoke(add()), SetStateCommand(b"a", b"123"), SetStateCommand(b"b", b"4"))
        world.invoke(get())
        assert world.only(StartAttempt).state == {b"a": b"123"}
        assert world.only(StartAttempt).partial_state is True

    def test_lazy_state_stays_behind(self) -> None:
        world = World()
        world.say(world.invoke(add("k")), SetStateCommand(b"n", b"1"), DONE, End())
        world.invoke(Target(TargetKind.OBJECT_EXCLUSIVE, "Counter", "lazy", "k"))
        assert world.only(StartAttempt).state == {}
        assert world.only(StartAttempt).partial_state is True


class TestLocks:
    def test_the_object_goes_on_in_order_of_arrival(self) -> None:
        world = World()
        first, second, third = (world.invoke(add()) for _ in range(3))
        assert [world.status(one).phase for one in (second, third)] == [Phase.INBOXED] * 2
        assert lock(world) == Lock(first.id, 0, 2)
        world.say(first, DONE, End())
        assert world.started() == [(second.id, 1)]
        assert world.status(second).inboxed_at == world.now
        world.say(second, DONE, End())
        assert world.started() == [(third.id, 1)]
        world.say(third, DONE, End())
        assert lock(world) is None
        assert not world.rows().get("inbox")

    def test_keys_do_not_hold_each_other_up(self) -> None:
        world = World()
        world.invoke(add("a"))
        assert world.status(world.invoke(add("b"))).phase is Phase.INVOKED

    def test_those_who_left_the_inbox_are_passed_over(self) -> None:
        world = World()
        first, second, third, fourth = (world.invoke(add()) for _ in range(4))
        world.decide(c.Cancel(second.id))
        world.decide(c.Kill(third.id))
        world.say(first, DONE, End())
        assert world.started() == [(fourth.id, 1)]
        assert lock(world) == Lock(fourth.id, 3, 3)

    def test_an_object_whose_inbox_emptied_is_free(self) -> None:
        world = World()
        first, second = world.invoke(add()), world.invoke(add())
        world.decide(c.Cancel(second.id))
        world.say(first, DONE, End())
        assert lock(world) is None
        assert world.status(world.invoke(add())).phase is Phase.INVOKED

    def test_a_paused_holder_keeps_its_object(self) -> None:
        world = World()
        first = world.invoke(add())
        for _ in range(70):
            status = world.status(first)
            world.decide(c.FailAttempt(first.id, status.attempt, FAILURE))
            retry = world.status(first).retry
            if retry is not None:
                assert retry.next_retry_at is not None
                world.now = retry.next_retry_at
                world.decide(c.FireTimer(Timer(world.now, TimerKind.RETRY, first.id, world.status(first).attempt)))
        assert world.status(first).phase is Phase.PAUSED
        assert world.status(world.invoke(add())).phase is Phase.INBOXED

    def test_the_state_that_the_next_one_starts_with_is_what_the_last_one_left(self) -> None:
        world = World()
        first = world.invoke(add())
        world.invoke(add())
        world.say(first, SetStateCommand(b"n", b"1"), DONE, End())
        assert world.only(StartAttempt).state == {b"n": b"1"}

    def test_a_lock_taken_and_given_back_under_flushes_in_between_is_free(self) -> None:
        """A release, a taking and a release under way at once: memory must not forget the last for the first."""
        world = World()
        first = world.invoke(add())
        world.acknowledge()
        world.flush()
        world.say(first, DONE, End())
        second = world.invoke(add())
        world.say(second, DONE, End())
        world.acknowledge(1)
        world.flush()
        world.acknowledge(1)
        world.flush()
        assert lock(world) is None
        assert world.status(world.invoke(add())).phase is Phase.INVOKED


class TestDelays:
    def test_a_delayed_one_waits_for_its_timer(self) -> None:
        world = World()
        invocation = world.invoke(add(), at=world.now + HOUR)
        timer = Timer(world.now + HOUR, TimerKind.START, invocation.id)
        assert world.status(invocation).phase is Phase.SCHEDULED
        assert world.only(ArmTimer).timer == timer
        assert world.only(Answer).outcome == o.Accepted(invocation.id, False, world.now + HOUR)
        assert lock(world) is None
        world.now += HOUR
        world.decide(c.FireTimer(timer))
        assert world.started() == [(invocation.id, 1)]
        assert not world.rows().get("timers")
        assert world.status(invocation).scheduled_at == world.now - HOUR

    def test_due_behind_a_busy_object_it_queues(self) -> None:
        world = World()
        invocation = world.invoke(add(), at=world.now + 1)
        holder = world.invoke(add())
        world.now += 1
        world.decide(c.FireTimer(Timer(world.now, TimerKind.START, invocation.id)))
        assert world.status(invocation).phase is Phase.INBOXED
        world.say(holder, DONE, End())
        assert world.started() == [(invocation.id, 1)]

    @pytest.mark.parametrize("ahead", [0, -1])
    def test_a_time_that_has_come_starts_at_once(self, ahead: int) -> None:
        world = World()
        assert world.status(world.invoke(service(), at=world.now + ahead)).phase is Phase.INVOKED

    def test_a_timer_fires_neither_early_nor_twice(self) -> None:
        world = World()
        invocation = world.invoke(service(), at=world.now + 10)
        timer = Timer(world.now + 10, TimerKind.START, invocation.id)
        world.now += 9
        world.decide(c.FireTimer(timer))
        assert (world.events, world.effects) == ([], [ArmTimer(timer)])
        world.now += 1
        world.decide(c.FireTimer(timer))
        world.decide(c.FireTimer(timer))
        assert (world.events, world.effects) == ([], [])

    def test_a_timer_of_nobody_is_cleared(self) -> None:
        world = World()
        invocation = world.invoke(service(), at=world.now + 10)
        world.decide(c.Kill(invocation.id))
        assert not world.rows().get("timers")


class TestEnds:
    def test_everybody_hears_of_it_and_the_result_is_kept(self) -> None:
        world = World()
        invocation = world.invoke(service())
        world.say(invocation, DONE, End())
        assert world.only(InvocationEnded) == InvocationEnded(invocation.id, Result(b"out"), invocation.target)
        kept = world.tables.completions.get(invocation.id)
        assert kept is not None
        assert (kept.result, kept.completed_at, kept.expires_at) == (Result(b"out"), world.now, world.now + DAY)
        assert world.tables.statuses.get(invocation.id) is None
        assert world.journal(invocation) == (INPUT, DONE)

    def test_a_failure_is_a_result(self) -> None:
        world = World()
        invocation = world.invoke(service())
        world.say(invocation, OutputCommand(failure=Failure(409, "no")), End())
        assert world.only(InvocationEnded).result == Result(failure=Failure(409, "no"))

    def test_the_last_output_counts(self) -> None:
        world = World()
        invocation = world.invoke(service())
        world.say(invocation, OutputCommand(b"1"))
        world.say(invocation, OutputCommand(b"2"), End())
        assert world.only(InvocationEnded).result.value == b"2"

    def test_without_retention_nothing_stays(self) -> None:
        world = World()
        invocation = world.invoke(service(), kept=0, journal_kept=0)
        world.say(invocation, DONE, End())
        assert world.only(InvocationEnded).result.value == b"out"
        assert world.rows() == {}
        assert world.ask(c.ReadOutput(invocation.id)) == o.NotFound(invocation.id)

    def test_with_an_idempotency_key_its_own_retention_counts(self) -> None:
        world = World()
        invocation = world.invoke(service(), key="k", kept=HOUR, journal_kept=DAY)
        world.say(invocation, DONE, End())
        kept = world.tables.completions.get(invocation.id)
        assert kept is not None
        assert (kept.expires_at, kept.journal_expires_at) == (world.now + HOUR, world.now + HOUR)

    def test_a_journal_that_is_not_kept_is_gone_at_once(self) -> None:
        world = World()
        invocation = world.invoke(service(), key="k", kept=HOUR, journal_kept=0)
        world.say(invocation, DONE, End())
        kept = world.tables.completions.get(invocation.id)
        assert kept is not None
        assert (kept.result.value, kept.journal_kept, kept.expires_at) == (b"out", False, world.now + HOUR)
        assert world.tables.journal_entries(invocation.id) == ()

    def test_what_the_handler_says_after_its_end_is_dropped(self) -> None:
        world = World()
        invocation = world.invoke(add())
        world.say(invocation, DONE, End(), SetStateCommand(b"n", b"1"))
        assert not world.rows().get("state")


class TestMeetings:
    def test_a_second_request_of_one_key_waits_with_the_first(self) -> None:
        world = World()
        invocation = world.invoke(service(), key="k")
        assert world.invocation(service(), key="k").id == invocation.id
        assert world.ask(c.Invoke(invocation, INPUT)) == o.Accepted(invocation.id, existing=True)
        world.decide(c.Invoke(invocation, INPUT, wait=True))
        assert world.effects == [AwaitResult(invocation.id)]
        assert world.events == []

    def test_a_scheduled_one_says_when_it_starts(self) -> None:
        world = World()
        invocation = world.invoke(service(), key="k", at=world.now + HOUR)
        assert world.ask(c.Invoke(world.invocation(service(), key="k"), INPUT)) == o.Accepted(
            invocation.id, True, world.now + HOUR
        )

    def test_a_finished_one_answers_with_its_result(self) -> None:
        world = World()
        invocation = world.invoke(service(), key="k")
        world.say(invocation, DONE, End())
        again = c.Invoke(invocation, INPUT, wait=True)
        assert world.ask(again) == o.Ended(invocation.id, Result(b"out"), world.now + DAY)
        assert world.ask(c.Invoke(invocation, INPUT)) == o.Accepted(invocation.id, existing=True)
        assert world.started() == []

    def test_handlers_that_call_it_are_answered_each_once(self) -> None:
        world = World()
        parents = [world.invoke(service()) for _ in range(3)]
        for parent in parents:
            world.say(parent, call(idempotency_key="k"))
            assert world.found(Answer) == []
        child = world.invocation(service(), key="k")
        world.say(child, DONE, End())
        for parent in parents:
            assert world.journal(parent)[-1] == CallCompletion(2, b"out")
        assert not world.rows().get("callers")

    def test_a_handler_that_calls_a_finished_one_is_answered_at_once(self) -> None:
        world = World()
        parent = world.invoke(service())
        child = world.invoke(service(), key="k")
        world.say(child, OutputCommand(failure=Failure(500, "no")), End())
        world.say(parent, call(idempotency_key="k"))
        assert world.journal(parent)[-1] == CallCompletion(2, failure=Failure(500, "no"))

    def test_an_id_that_was_purged_begins_a_fresh_journal_in_the_same_breath(self) -> None:
        world = World()
        invocation = world.invoke(service(), key="k")
        world.say(invocation, DONE, End())
        assert world.ask(c.Purge(invocation.id)) == o.Done()
        world.decide(c.Invoke(invocation, INPUT))
        world.say(invocation, OutputCommand(b"2"), End())
        assert world.journal(invocation) == (INPUT, OutputCommand(b"2"))
        assert world.tables.journal_summary(invocation.id).next_index == 2
