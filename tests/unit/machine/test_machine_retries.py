"""What follows a failed attempt."""

import pytest

from machine_world import INPUT, World, add, service
from odradek.protocol import messages as m
from odradek.protocol.manifest import ServiceManifest, ServiceType
from odradek_engine.model import commands as c
from odradek_engine.model.effects import ArmTimer, EndAttempt, InvocationEnded, StartAttempt
from odradek_engine.model.events import ErrorRecorded, StatusChanged
from odradek_engine.model.registry import Deployment, RegisteredService, Schema
from odradek_engine.model.rows import AttemptFailure, Invocation, Phase, Result, Retry, Timer, TimerKind
from odradek_engine.partition.decide.failing import ERROR_EVENTS_MAX, JITTER

FAILURE = AttemptFailure(500, "no", "RT0007")


def fail(world: World, invocation: Invocation, error: m.Error | None = None) -> None:
    world.say(invocation, error or m.Error(500, "no"))


def retry_of(world: World, invocation: Invocation) -> Retry:
    retry = world.status(invocation).retry
    assert retry is not None
    return retry


def wake(world: World, invocation: Invocation) -> None:
    """Lets the retry's time come."""
    due = retry_of(world, invocation).next_retry_at
    assert due is not None
    world.now = due
    world.decide(c.FireTimer(Timer(due, TimerKind.RETRY, invocation.id, world.status(invocation).attempt)))


class TestDelays:
    def test_a_failed_attempt_is_repeated_after_a_while(self) -> None:
        world = World()
        invocation = world.invoke(service())
        world.say(invocation, m.RunCommand(1), m.Error(500, "no", "trace", 1, "step", 0x411))
        failure = AttemptFailure(500, "no", "RT0007", "trace", 1, "step", 0x411)
        retry = retry_of(world, invocation)
        assert (retry.count, retry.counted, retry.since_stored_entry) == (1, 1, 1)
        assert retry.last_failure == failure
        assert world.only(EndAttempt) == EndAttempt(invocation.id, 1)
        assert world.only(ArmTimer).timer == Timer(retry.next_retry_at or 0, TimerKind.RETRY, invocation.id, 2)
        event = world.only(ErrorRecorded).event
        assert (event.kind, event.after_entry_index, event.failure) == ("TransientError", 1, failure)
        wake(world, invocation)
        start = world.only(StartAttempt)
        assert (start.attempt, start.journal) == (2, (INPUT, m.RunCommand(1)))
        assert start.retries_since_stored_entry == 1
        assert world.status(invocation).retry == Retry(1, 1, 1, failure, None)

    def test_delays_grow_up_to_a_bound_with_some_jitter(self) -> None:
        seen: dict[int, set[int]] = {}
        for seed in range(50):
            world = World(seed=seed)
            invocation = world.invoke(service("forever"))
            for number, base in enumerate((100, 200, 400, 800, 1_000, 1_000)):
                fail(world, invocation)
                delay = (retry_of(world, invocation).next_retry_at or 0) - world.now
                assert base <= delay <= base * (1 + JITTER)
                seen.setdefault(number, set()).add(delay)
                wake(world, invocation)
        assert all(len(delays) > 10 for delays in seen.values())

    def test_a_failure_while_it_waits_is_of_an_older_attempt(self) -> None:
        world = World()
        invocation = world.invoke(service())
        fail(world, invocation)
        world.decide(c.FailAttempt(invocation.id, 1, FAILURE))
        assert (world.events, world.effects) == ([], [])

    def test_an_overtaken_timer_starts_nothing(self) -> None:
        world = World()
        invocation = world.invoke(service())
        fail(world, invocation)
        timer = world.only(ArmTimer).timer
        world.decide(c.Resume(invocation.id))
        assert not world.rows().get("timers")
        world.now = timer.due_at
        world.decide(c.FireTimer(timer))
        assert world.started() == []

    def test_a_wish_of_the_handler_is_not_counted(self) -> None:
        world = World()
        invocation = world.invoke(service("twice"))
        for number in range(1, 6):
            fail(world, invocation, m.Error(500, "no", next_retry_delay=7))
            retry = retry_of(world, invocation)
            assert (retry.count, retry.counted, retry.next_retry_at) == (number, 0, world.now + 7)
            wake(world, invocation)
        fail(world, invocation)
        assert retry_of(world, invocation).counted == 1

    def test_progress_is_noted_but_does_not_start_the_count_again(self) -> None:
        world = World()
        invocation = world.invoke(service())
        for _ in range(2):
            fail(world, invocation)
            wake(world, invocation)
        assert world.only(StartAttempt).retries_since_stored_entry == 2
        world.say(invocation, m.RunCommand(1))
        retry = retry_of(world, invocation)
        assert (retry.count, retry.counted, retry.since_stored_entry) == (2, 2, 0)
        world.say(invocation, m.RunCommand(2))
        assert world.found(StatusChanged) == []
        fail(world, invocation)
        retry = retry_of(world, invocation)
        assert (retry.count, retry.counted, retry.since_stored_entry) == (3, 3, 1)

    def test_the_policy_is_the_one_registered_now(self) -> None:
        world = World()
        invocation = world.invoke(service("twice"))
        fail(world, invocation)
        wake(world, invocation)
        world.schema = Schema({}, {}, {})
        fail(world, invocation)
        assert retry_of(world, invocation).counted == 2


class TestTheLastAttempt:
    def test_kill_ends_it_with_the_last_failure(self) -> None:
        world = World()
        invocation = world.invoke(service("twice"))
        fail(world, invocation)
        wake(world, invocation)
        fail(world, invocation, m.Error(418, "teapot", "trace"))
        ended = world.only(InvocationEnded)
        assert ended.result == Result(failure=m.Failure(500, "teapot"), stacktrace="trace")
        assert world.only(EndAttempt).attempt == 2
        assert not world.rows().get("timers")

    def test_pause_holds_it_until_somebody_resumes_it(self) -> None:
        world = World()
        invocation = world.invoke(service("thrice"))
        for number in range(3):
            fail(world, invocation)
            if number < 2:
                wake(world, invocation)
        status = world.status(invocation)
        assert (status.phase, status.retry) == (Phase.PAUSED, None)
        kinds = [event.event.kind for event in world.found(ErrorRecorded)]
        assert kinds == ["Paused"]  # the failure itself is the third of its kind
        assert not world.rows().get("timers")
        world.decide(c.Resume(invocation.id))
        assert world.started() == [(invocation.id, 4)]
        fail(world, invocation)
        assert retry_of(world, invocation).counted == 1

    def test_without_a_bound_it_goes_on(self) -> None:
        world = World()
        invocation = world.invoke(service("forever"))
        for _ in range(200):
            fail(world, invocation)
            wake(world, invocation)
        assert retry_of(world, invocation).count == 200
        assert len(world.rows()["errors"]) == 1

    @pytest.mark.parametrize("delay", [None, 5])
    def test_the_handler_may_ask_for_a_pause(self, delay: int | None) -> None:
        world = World()
        invocation = world.invoke(service())
        fail(world, invocation, m.Error(500, "no", next_retry_delay=delay, behavior=m.ErrorBehavior.PAUSE))
        assert world.status(invocation).phase is Phase.PAUSED
        assert [event.event.kind for event in world.found(ErrorRecorded)] == ["TransientError", "Paused"]

    def test_the_handler_may_ask_for_the_end(self) -> None:
        world = World()
        holder, waiting = world.invoke(add()), world.invoke(add())
        fail(world, holder, m.Error(418, "teapot", "trace", behavior=m.ErrorBehavior.FAIL))
        assert world.only(InvocationEnded).result == Result(failure=m.Failure(418, "teapot"), stacktrace="trace")
        assert world.started() == [(waiting.id, 1)]


class TestErrorEvents:
    @pytest.mark.parametrize(("code", "documented"), [(570, "RT0016"), (571, "RT0012"), (500, "RT0007")])
    def test_codes(self, code: int, documented: str) -> None:
        world = World()
        invocation = world.invoke(service())
        fail(world, invocation, m.Error(code, "no"))
        assert retry_of(world, invocation).last_failure.error_code == documented

    def test_a_repeated_failure_is_kept_once_and_their_number_is_bounded(self) -> None:
        world = World()
        invocation = world.invoke(service("forever"))
        for number in range(ERROR_EVENTS_MAX + 5):
            for _ in range(2):
                world.say(invocation, m.Error(500, f"{number}"))
                wake(world, invocation)
        kept = [row[2].failure.message for row in world.rows()["errors"]]
        assert kept == [f"{number}" for number in range(ERROR_EVENTS_MAX - 1)] + [f"{ERROR_EVENTS_MAX + 4}"]
        world.decide(c.Kill(invocation.id))
        world.decide(c.Purge(invocation.id))
        assert not world.rows().get("errors")


class TestBeginAttempt:
    def test_it_starts_from_what_is_known_by_then(self) -> None:
        world = World()
        invocation = world.invoke(service())
        world.decide(c.Signal(invocation.id, m.SignalNotification(17, b"")))
        world.decide(c.BeginAttempt(invocation.id, 1))
        start = world.only(StartAttempt)
        assert (start.attempt, start.journal) == (1, (INPUT, m.SignalNotification(17, b"")))
        assert world.events == []

    def test_overtaken_by_events_it_gives_its_slot_back(self) -> None:
        world = World()
        killed, failed = world.invoke(service()), world.invoke(service())
        world.decide(c.Kill(killed.id))
        fail(world, failed)
        for invocation in (killed, failed):
            world.decide(c.BeginAttempt(invocation.id, 1))
            assert world.effects == [EndAttempt(invocation.id, 1)]


class TestMismatches:
    """A replay that does not match its journal."""

    def world(self, *, in_process: bool) -> World:
        world = World()
        manifest = ServiceManifest(name="Greeter", ty=ServiceType.SERVICE)
        deployment = Deployment("dp", 0, "", 5, 7, (manifest,), in_process)
        services = {"Greeter": RegisteredService(manifest, "dp", 1)}
        world.schema = Schema(services, world.schema.handlers, {"dp": deployment})
        return world

    def test_in_this_process_it_pauses_at_once(self) -> None:
        world = self.world(in_process=True)
        invocation = world.invoke(service("twice"))
        fail(world, invocation, m.Error(570, "no match"))
        assert world.status(invocation).phase is Phase.PAUSED
        kinds = [(one.event.kind, one.event.failure.error_code) for one in world.found(ErrorRecorded)]  # type: ignore[union-attr]
        assert kinds == [("TransientError", "RT0016"), ("Paused", "RT0016")]
        world.decide(c.Resume(invocation.id))
        assert world.started() == [(invocation.id, 2)]

    def test_elsewhere_it_is_tried_again(self) -> None:
        world = self.world(in_process=False)
        invocation = world.invoke(service("thrice"))
        fail(world, invocation, m.Error(570, "no match"))
        assert world.status(invocation).phase is Phase.INVOKED
        assert retry_of(world, invocation).last_failure.error_code == "RT0016"

    def test_other_errors_in_this_process_are_tried_again(self) -> None:
        world = self.world(in_process=True)
        invocation = world.invoke(service("thrice"))
        fail(world, invocation)
        assert world.status(invocation).phase is Phase.INVOKED
