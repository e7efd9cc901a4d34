"""Cancel, kill, pause, resume, purge, attach and read: what people and other handlers may ask of an invocation."""

from collections.abc import Callable

import pytest
from test_machine_handler_messages import call, send

from machine_world import DAY, HOUR, INPUT, World, add, service
from odradek.protocol import messages as m
from odradek.protocol.ids import format_invocation_id, parse_invocation_id
from odradek_engine.model import commands as c
from odradek_engine.model import outcomes as o
from odradek_engine.model.effects import Answer, AwaitResult, Deliver, EndAttempt, InvocationEnded, StartAttempt
from odradek_engine.model.rows import Invocation, Phase, Result

DONE = m.OutputCommand(b"out")
CANCELED = m.SignalNotification(m.CANCEL_SIGNAL)


def running(world: World) -> Invocation:
    return world.invoke(add())


def backing_off(world: World) -> Invocation:
    invocation = running(world)
    world.say(invocation, m.SleepCommand(world.now + HOUR, 1), m.Error(500, "no"))
    return invocation


def suspended(world: World) -> Invocation:
    invocation = running(world)
    world.say(invocation, m.SleepCommand(world.now + HOUR, 1), m.Suspension(m.Future((1,), (m.CANCEL_SIGNAL,))))
    return invocation


def paused(world: World) -> Invocation:
    invocation = running(world)
    world.say(invocation, m.Error(500, "no", behavior=m.ErrorBehavior.PAUSE))
    return invocation


def scheduled(world: World) -> Invocation:
    return world.invoke(add(), at=world.now + HOUR)


def inboxed(world: World) -> Invocation:
    world.invoke(add())
    return world.invoke(add())


def finished(world: World) -> Invocation:
    invocation = running(world)
    world.say(invocation, DONE, m.End())
    return invocation


Phased = Callable[[World], Invocation]
BEGUN = [running, backing_off, suspended, paused]
WAITING = [scheduled, inboxed]


class TestCancel:
    @pytest.mark.parametrize("phase", BEGUN)
    def test_one_that_has_begun_is_told(self, phase: Phased) -> None:
        world = World()
        invocation = phase(world)
        assert world.ask(c.Cancel(invocation.id)) == o.Appended()
        assert world.journal(invocation)[-1] == CANCELED
        assert bool(world.started()) == (phase in (suspended, paused))
        assert bool(world.found(Deliver)) == (phase in (running, backing_off))
        assert world.status(invocation).phase is Phase.INVOKED

    def test_a_paused_one_hears_other_signals_without_waking(self) -> None:
        world = World()
        invocation = paused(world)
        assert world.ask(c.Signal(invocation.id, m.SignalNotification(17, b""))) == o.Done()
        assert world.status(invocation).phase is Phase.PAUSED
        assert world.effects == [Answer(o.Done())]

    @pytest.mark.parametrize("phase", WAITING)
    def test_one_that_waits_is_gone(self, phase: Phased) -> None:
        world = World()
        invocation = phase(world)
        parent = world.invoke(service())
        called = world.invocation(add(), key="k", at=invocation.execution_time)
        world.decide(c.Invoke(called, INPUT))
        world.say(parent, m.AttachInvocationCommand(format_invocation_id(called.id), 2))
        assert world.ask(c.Cancel(invocation.id)) == o.Done()
        canceled = Result(failure=m.Failure(409, "canceled"))
        assert world.only(InvocationEnded) == InvocationEnded(invocation.id, canceled, invocation.target)
        assert world.ask(c.ReadOutput(invocation.id)) == o.NotFound(invocation.id)
        assert world.ask(c.Cancel(called.id)) == o.Done()
        assert world.journal(parent)[-1] == m.AttachInvocationCompletion(2, failure=m.Failure(409, "canceled"))
        assert not world.rows().get("timers")
        assert not world.rows().get("inbox")

    def test_too_late_or_never(self) -> None:
        world = World()
        invocation = finished(world)
        assert world.ask(c.Cancel(invocation.id)) == o.AlreadyCompleted(invocation.id)
        unknown = world.invocation(service()).id
        assert world.ask(c.Cancel(unknown)) == o.NotFound(unknown)


class TestKill:
    @pytest.mark.parametrize("phase", BEGUN)
    def test_one_that_has_begun_ends_at_once(self, phase: Phased) -> None:
        world = World()
        invocation = phase(world)
        next_one = world.invoke(add())
        attempt = world.status(invocation).attempt
        assert world.ask(c.Kill(invocation.id)) == o.Done()
        assert world.only(EndAttempt) == EndAttempt(invocation.id, attempt)
        assert world.only(InvocationEnded).result == Result(failure=m.Failure(409, "killed"))
        assert world.started() == [(next_one.id, 1)]
        assert not world.rows().get("timers")
        kept = world.ask(c.ReadOutput(invocation.id))
        assert kept == o.Ended(
            invocation.id, Result(failure=m.Failure(409, "killed")), world.now + DAY, invocation.target
        )

    @pytest.mark.parametrize("phase", WAITING)
    def test_one_that_waits_is_gone(self, phase: Phased) -> None:
        world = World()
        invocation = phase(world)
        assert world.ask(c.Kill(invocation.id)) == o.Done()
        assert world.only(InvocationEnded).result == Result(failure=m.Failure(409, "killed"))
        assert world.ask(c.ReadOutput(invocation.id)) == o.NotFound(invocation.id)

    def test_it_reaches_all_children_and_theirs(self) -> None:
        world = World()
        parent = world.invoke(service())
        world.say(
            parent,
            call(),
            send(invocation_id_notification_idx=3),
            send(invocation_id_notification_idx=4, invoke_time=world.now + HOUR),
            send("add", "Counter", "a", invocation_id_notification_idx=5),
        )
        children = [
            parse_invocation_id(entry.invocation_id)
            for entry in world.journal(parent)
            if isinstance(entry, m.CallInvocationIdCompletion)
        ]
        world.say(children[0], call())
        grandchild = world.only(StartAttempt).invocation.id
        world.restart()
        world.decide(c.Kill(parent.id))
        ended = {effect.invocation for effect in world.found(InvocationEnded)}
        assert ended == {parent.id, *children, grandchild}
        assert len(world.found(Answer)) == 1
        assert set(world.rows()) <= {"completions", "counters", "expiry", "invocations", "journal"}

    def test_too_late_or_never(self) -> None:
        world = World()
        invocation = finished(world)
        assert world.ask(c.Kill(invocation.id)) == o.AlreadyCompleted(invocation.id)
        unknown = world.invocation(service()).id
        assert world.ask(c.Kill(unknown)) == o.NotFound(unknown)


class TestPause:
    def test_a_running_attempt_is_broken_off(self) -> None:
        world = World()
        invocation = running(world)
        attempt = world.status(invocation).attempt
        assert world.ask(c.Pause(invocation.id)) == o.Appended()
        assert world.found(EndAttempt) == [EndAttempt(invocation.id, attempt)]
        assert world.status(invocation).phase is Phase.PAUSED
        assert [error.kind for _, error in world.tables.errors.rows(invocation.id)] == ["Paused"]
        assert world.ask(c.Pause(invocation.id)) == o.Done()

    def test_one_that_backs_off_has_no_timer_any_more(self) -> None:
        world = World()
        invocation = backing_off(world)
        assert world.ask(c.Pause(invocation.id)) == o.Appended()
        assert world.status(invocation).phase is Phase.PAUSED
        assert not [row for row in world.rows().get("timers", []) if row[1].kind.name == "RETRY"]

    def test_a_suspended_one_stays_suspended(self) -> None:
        world = World()
        invocation = suspended(world)
        assert world.ask(c.Pause(invocation.id)) == o.Done()
        assert world.status(invocation).phase is Phase.SUSPENDED

    @pytest.mark.parametrize("phase", [*WAITING, finished])
    def test_others_do_not_run(self, phase: Phased) -> None:
        world = World()
        invocation = phase(world)
        assert world.ask(c.Pause(invocation.id)) == o.NotRunning(invocation.id)

    def test_nobody_knows_it(self) -> None:
        world = World()
        unknown = world.invocation(service()).id
        assert world.ask(c.Pause(unknown)) == o.NotFound(unknown)


class TestResume:
    @pytest.mark.parametrize("phase", [backing_off, suspended, paused])
    def test_it_starts_now(self, phase: Phased) -> None:
        world = World()
        invocation = phase(world)
        attempt = world.status(invocation).attempt
        assert world.ask(c.Resume(invocation.id)) == o.Done()
        assert world.started() == [(invocation.id, attempt + 1)]
        status = world.status(invocation)
        assert (status.phase, status.retry, status.awaiting) == (Phase.INVOKED, None, None)
        assert not [row for row in world.rows().get("timers", []) if row[1].kind.name == "RETRY"]

    def test_a_running_one_is_left_alone(self) -> None:
        world = World()
        invocation = running(world)
        assert world.ask(c.Resume(invocation.id)) == o.Done()
        assert world.events == []

    @pytest.mark.parametrize("phase", WAITING)
    def test_one_that_waits_cannot(self, phase: Phased) -> None:
        world = World()
        invocation = phase(world)
        assert world.ask(c.Resume(invocation.id)) == o.NotStarted(invocation.id)

    def test_too_late_or_never(self) -> None:
        world = World()
        invocation = finished(world)
        assert world.ask(c.Resume(invocation.id)) == o.AlreadyCompleted(invocation.id)
        unknown = world.invocation(service()).id
        assert world.ask(c.Resume(unknown)) == o.NotFound(unknown)


class TestSignal:
    def test_an_indexed_one_counts_once_a_named_one_each_time(self) -> None:
        world = World()
        invocation = running(world)
        for signal in (17, 17, "n", "n"):
            assert world.ask(c.Signal(invocation.id, m.SignalNotification(signal, b""))) == o.Done()
        assert [entry.signal for entry in world.journal(invocation)[1:]] == [17, "n", "n"]  # type: ignore[union-attr]

    def test_it_waits_for_one_that_has_not_begun(self) -> None:
        world = World()
        invocation = inboxed(world)
        world.decide(c.Signal(invocation.id, m.SignalNotification(17, b"")))
        assert world.found(Deliver) == []
        assert world.journal(invocation) == (INPUT, m.SignalNotification(17, b""))

    def test_for_one_that_is_over_it_is_lost(self) -> None:
        world = World()
        invocation = finished(world)
        assert world.ask(c.Signal(invocation.id, m.SignalNotification(17, b""))) == o.NotFound(invocation.id)
        assert world.events == []


class TestReading:
    def test_attach_waits_output_does_not(self) -> None:
        world = World()
        invocation = running(world)
        assert world.decide(c.Attach(invocation.id)) == [AwaitResult(invocation.id)]
        assert world.ask(c.ReadOutput(invocation.id)) == o.NotCompleted(invocation.id)
        world.say(invocation, DONE, m.End())
        ended = o.Ended(invocation.id, Result(b"out"), world.now + DAY, invocation.target)
        assert world.ask(c.Attach(invocation.id)) == world.ask(c.ReadOutput(invocation.id)) == ended

    def test_of_nobody(self) -> None:
        world = World()
        unknown = world.invocation(service()).id
        assert world.ask(c.Attach(unknown)) == world.ask(c.ReadOutput(unknown)) == o.NotFound(unknown)


class TestPurge:
    def test_an_attempt_of_a_life_that_was_forgotten_is_not_heard_in_the_next(self) -> None:
        world = World()
        before = world.invoke(service(), key="k")
        attempt = world.status(before).attempt
        world.decide(c.Kill(before.id))
        world.decide(c.Purge(before.id))
        again = world.invoke(service(), key="k")
        assert again.id == before.id
        world.say(again, m.SleepCommand(world.now + HOUR, 1), attempt=attempt)
        assert world.journal(again) == (INPUT,)

    def test_all_of_it_goes(self) -> None:
        world = World()
        invocation = world.invoke(service(), key="k")
        world.say(invocation, m.RunCommand(1), m.Error(500, "no"))
        world.decide(c.Kill(invocation.id))
        world.restart()
        assert world.ask(c.Purge(invocation.id)) == o.Done()
        assert world.rows() == {"counters": [(b"retained_bytes", 0)]}
        assert world.ask(c.Purge(invocation.id)) == o.NotFound(invocation.id)

    def test_the_journal_alone(self) -> None:
        world = World()
        invocation = world.invoke(service(), key="k")
        world.say(invocation, m.SleepCommand(world.now, 1), DONE, m.End())
        before = world.rows()["counters"][0][1]
        for _ in range(2):
            assert world.ask(c.PurgeJournal(invocation.id)) == o.Done()
        assert world.events == []
        assert world.journal(invocation) == ()
        kept = world.tables.completions.get(invocation.id)
        assert kept is not None
        assert (kept.journal_kept, kept.result) == (False, Result(b"out"))
        assert 0 < kept.retained_bytes == world.rows()["counters"][0][1] < before
        assert world.ask(c.Purge(invocation.id)) == o.Done()
        assert world.rows() == {"counters": [(b"retained_bytes", 0)]}

    @pytest.mark.parametrize("command", [c.Purge, c.PurgeJournal])
    def test_not_before_the_end(self, command: type[c.Purge]) -> None:
        world = World()
        invocation = running(world)
        assert world.ask(command(invocation.id)) == o.NotCompleted(invocation.id)
        unknown = world.invocation(service()).id
        assert world.ask(command(unknown)) == o.NotFound(unknown)
