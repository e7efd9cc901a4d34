"""Workflows: one run per key while it is kept, promises that are completed once, and what is freed at the end."""

from __future__ import annotations

import pytest

from machine_world import DAY, HOUR, INPUT, World, add, handler, service
from odradek.protocol import messages as m
from odradek.protocol.ids import format_invocation_id
from odradek_engine.model import commands as c
from odradek_engine.model import outcomes as o
from odradek_engine.model.effects import Deliver, InvocationEnded, StartAttempt
from odradek_engine.model.events import ErrorRecorded, SourceTaken
from odradek_engine.model.registry import Schema
from odradek_engine.model.rows import Caller, Invocation, Phase, Promise, Result
from odradek_engine.model.target import Target, TargetKind
from odradek_engine.partition import keys
from odradek_engine.partition.decide.entries.promise import COMPLETED_BEFORE
from odradek_engine.partition.decide.invoke import SECOND_RUN
from odradek_engine.partition.routing import new_invocation_id, workflow_run_id

DONE = (m.OutputCommand(b"out"), m.End())
KEPT = 2 * HOUR
HANDLERS = (
    handler("SignUp", "run", TargetKind.WORKFLOW_RUN, completion_retention=KEPT),
    handler("SignUp", "click", TargetKind.WORKFLOW_SHARED),
    handler("Greeter", "greet", TargetKind.SERVICE),
)


def run_of(key: str = "ada") -> Target:
    return Target(TargetKind.WORKFLOW_RUN, "SignUp", "run", key)


def click_of(key: str = "ada") -> Target:
    return Target(TargetKind.WORKFLOW_SHARED, "SignUp", "click", key)


def workflow_world(**settings: object) -> World:
    world = World(**settings)  # type: ignore[arg-type]
    world.schema = Schema({}, {(one.service, one.handler): one for one in HANDLERS}, {})
    return world


def begin(world: World, key: str = "ada", kept: int = KEPT, journal_kept: int = DAY) -> Invocation:
    return world.invoke(run_of(key), kept=kept, journal_kept=journal_kept)


def promise(world: World, name: str = "click", key: str = "ada") -> Promise | None:
    return world.tables.promises.get(keys.object_key("SignUp", key), name.encode())


def waiters(world: World, name: str = "click", key: str = "ada") -> list[Caller]:
    return [waiter for _, waiter in world.tables.waiters.rows(keys.promise_key("SignUp", key, name))]


class TestOneRun:
    def test_its_id_is_fixed_by_its_key(self) -> None:
        expected = "inv_12kpUQONmeFb1m3mriVYe2N4zMVGrWHFhQ"
        assert format_invocation_id(workflow_run_id("W2", "w1"))[16:] == expected[16:]
        target = Target(TargetKind.WORKFLOW_RUN, "W2", "run", "w1")
        for idempotency_key, unique in ((None, b"u" * 16), ("k", b"")):
            assert new_invocation_id(target, idempotency_key, unique) == workflow_run_id("W2", "w1")

    def test_it_takes_no_lock(self) -> None:
        world = workflow_world()
        begin(world)
        assert world.found(StartAttempt)
        assert "locks" not in world.rows()

    @pytest.mark.parametrize("finished", [False, True])
    def test_a_second_one_is_refused(self, finished: bool) -> None:
        world = workflow_world()
        invocation = begin(world)
        if finished:
            world.say(invocation, *DONE)
        again = world.invocation(run_of())
        assert again.id == invocation.id
        assert world.ask(c.Invoke(again, INPUT, wait=True)) == o.Ended(invocation.id, SECOND_RUN)
        assert world.ask(c.Invoke(again, INPUT)) == o.Accepted(invocation.id, existing=True)
        caller = world.invoke(service())
        world.say(caller, m.CallCommand("SignUp", "run", b"", (), "ada", "key", 1, 2))
        expected = (
            m.CallInvocationIdCompletion(1, format_invocation_id(invocation.id)),
            m.CallCompletion(2, None, SECOND_RUN.failure),
        )
        assert world.journal(caller)[-2:] == expected
        assert len(world.journal(invocation)) == (2 if finished else 1)

    def test_a_call_gets_its_result(self) -> None:
        world = workflow_world()
        caller = world.invoke(service())
        world.say(caller, m.CallCommand("SignUp", "run", b"", (), "ada", "key", 1, 2))
        run = world.tables.invocations.get(workflow_run_id("SignUp", "ada"))
        assert run is not None
        assert (run.idempotency_key, run.completion_retention) == (None, KEPT)
        world.say(run, *DONE)
        assert world.journal(caller)[-1] == m.CallCompletion(2, b"out")

    def test_records_of_a_key_begin_one_run(self) -> None:
        world = workflow_world()
        for offset in (5, 6):
            source = c.SourceRecord("sub", "topic", 0, offset, offset - 1 if offset > 5 else -1)
            assert world.ask(c.Ingest(source, world.invocation(run_of()), INPUT)) == o.Done()
            assert world.only(SourceTaken).offset == offset
            assert bool(world.found(StartAttempt)) is (offset == 5)
        world.say(workflow_run_id("SignUp", "ada"), *DONE)
        source = c.SourceRecord("sub", "topic", 0, 7, 6)
        assert world.ask(c.Ingest(source, world.invocation(run_of()), INPUT)) == o.Done()
        assert world.found(StartAttempt) == []

    def test_attach_before_while_and_after(self) -> None:
        world = workflow_world()
        run = workflow_run_id("SignUp", "ada")
        assert world.ask(c.Attach(run)) == o.NotFound(run)
        invocation = begin(world)
        assert world.ask(c.ReadOutput(run)) == o.NotCompleted(run)
        world.say(invocation, *DONE)
        assert world.only(InvocationEnded).result == Result(b"out")
        assert world.ask(c.ReadOutput(run)) == o.Ended(run, Result(b"out"), world.now + KEPT, run_of())


class TestState:
    def test_the_run_writes_and_others_read(self) -> None:
        world = workflow_world()
        invocation = begin(world)
        world.say(invocation, m.SetStateCommand(b"stage", b"1"))
        world.invoke(click_of())
        assert world.only(StartAttempt).state == {b"stage": b"1"}
        world.invoke(click_of("bob"))
        assert world.only(StartAttempt).state == {}

    def test_shared_handlers_do_not_write(self) -> None:
        world = workflow_world()
        clicked = world.invoke(click_of())
        world.say(clicked, m.SetStateCommand(b"stage", b"1"))
        failure = world.only(ErrorRecorded).event.failure
        assert failure is not None
        assert (failure.error_code, "may read state" in failure.message) == ("RT0017", True)


class TestPromises:
    def test_who_waits_is_told(self) -> None:
        world = workflow_world()
        run, watcher, sleeper = begin(world), world.invoke(click_of()), world.invoke(click_of())
        world.say(run, m.GetPromiseCommand("click", 1))
        world.say(watcher, m.GetPromiseCommand("click", 1), m.GetPromiseCommand("click", 2))
        world.say(sleeper, m.GetPromiseCommand("click", 1), m.Suspension(m.Future((1,))))
        assert promise(world) == Promise()
        assert len(waiters(world)) == 4
        world.restart()
        clicked = world.invoke(click_of())
        world.say(clicked, m.CompletePromiseCommand("click", 1, b"secret"), *DONE)
        for invocation, number in ((run, 1), (watcher, 2)):
            assert world.journal(invocation)[-1] == m.GetPromiseCompletion(number, b"secret")
        told = [(one.invocation, one.messages) for one in world.found(Deliver)]
        assert (run.id, (m.GetPromiseCompletion(1, b"secret"),)) in told
        assert (sleeper.id, 2) in world.started()
        assert waiters(world) == []
        assert promise(world) == Promise(Result(b"secret"))
        assert world.journal(clicked)[2] == m.CompletePromiseCompletion(1)

    def test_one_that_is_there_is_answered_at_once(self) -> None:
        world = workflow_world()
        clicked = world.invoke(click_of())
        failure = m.Failure(418, "no")
        world.say(clicked, m.CompletePromiseCommand("click", 1, None, failure), m.GetPromiseCommand("click", 2))
        assert world.journal(clicked)[-1] == m.GetPromiseCompletion(2, None, failure)
        assert waiters(world) == []

    def test_the_second_completion_is_refused(self) -> None:
        world = workflow_world()
        clicked = world.invoke(click_of())
        world.say(clicked, m.CompletePromiseCommand("click", 1, b"a"), m.CompletePromiseCommand("click", 2, b"b"))
        assert world.journal(clicked)[-1] == m.CompletePromiseCompletion(2, COMPLETED_BEFORE)
        assert promise(world) == Promise(Result(b"a"))

    def test_one_can_complete_what_it_awaits_itself(self) -> None:
        world = workflow_world()
        run = begin(world)
        world.say(run, m.GetPromiseCommand("click", 1), m.CompletePromiseCommand("click", 2, b"a"))
        world.say(run, m.GetPromiseCommand("other", 3))
        world.say(run, m.CompletePromiseCommand("other", 4, b"b"))
        notified = [entry for entry in world.journal(run) if isinstance(entry, m.GetPromiseCompletion)]
        assert notified == [m.GetPromiseCompletion(1, b"a"), m.GetPromiseCompletion(3, b"b")]

    def test_peek(self) -> None:
        world = workflow_world()
        clicked = world.invoke(click_of())
        world.say(clicked, m.PeekPromiseCommand("click", 1))
        assert world.journal(clicked)[-1] == m.PeekPromiseCompletion(1)
        world.say(clicked, m.CompletePromiseCommand("click", 2, b"a"), m.PeekPromiseCommand("click", 3))
        assert world.journal(clicked)[-1] == m.PeekPromiseCompletion(3, b"a")

    def test_names_and_keys_are_apart(self) -> None:
        world = workflow_world()
        begin(world)
        world.say(world.invoke(click_of()), m.CompletePromiseCommand("click", 1, b"a"), *DONE)
        assert promise(world, "clic") is None
        assert promise(world, key="bob") is None

    @pytest.mark.parametrize("target", [service(), add()])
    def test_only_workflows_have_them(self, target: Target) -> None:
        world = World()
        invocation = world.invoke(target)
        world.say(invocation, m.GetPromiseCommand("click", 1))
        failure = world.only(ErrorRecorded).event.failure
        assert failure is not None
        assert (failure.error_code, "only workflows have promises" in failure.message) == ("RT0017", True)
        assert world.journal(invocation) == (INPUT,)

    @pytest.mark.parametrize("how", ["end", "kill"])
    def test_who_ends_waits_no_more(self, how: str) -> None:
        world = workflow_world()
        first, second = world.invoke(click_of()), world.invoke(click_of())
        for invocation in (first, second):
            world.say(invocation, m.GetPromiseCommand("click", 1))
        for invocation, left in ((first, 1), (second, 0)):
            if how == "end":
                world.say(invocation, *DONE)
            else:
                world.decide(c.Kill(invocation.id))
            assert len(waiters(world)) == left
        assert promise(world) is None

    def test_a_completed_promise_outlives_its_waiters(self) -> None:
        world = workflow_world()
        watcher = world.invoke(click_of())
        world.say(watcher, m.GetPromiseCommand("click", 1))
        world.say(world.invoke(click_of()), m.CompletePromiseCommand("click", 1, b"a"), *DONE)
        world.say(watcher, *DONE)
        assert promise(world) == Promise(Result(b"a"))


class TestTheEnd:
    def finished(self, world: World, **kept: int) -> Invocation:
        run = begin(world, **kept)
        world.say(world.invoke(click_of()), m.CompletePromiseCommand("click", 1, b"a" * 100), *DONE)
        world.say(run, m.SetStateCommand(b"stage", b"1" * 1000), *DONE)
        return run

    def owned(self, world: World) -> set[str]:
        """Tables that still have something of the run or its key."""
        return {name for name in ("state", "promises", "waiters") if world.rows().get(name)}

    def test_purge_frees_everything(self) -> None:
        world = workflow_world()
        run = self.finished(world)
        assert self.owned(world) == {"state", "promises"}
        world.restart()
        assert world.ask(c.Purge(run.id)) == o.Done()
        assert self.owned(world) == set()
        assert world.ask(c.ReadOutput(run.id)) == o.NotFound(run.id)
        assert world.tables.journal_entries(run.id) == ()
        begin(world)
        assert world.status(run).phase is Phase.INVOKED

    def test_retention_frees_everything(self) -> None:
        world = workflow_world()
        run = self.finished(world, journal_kept=HOUR)
        world.now += HOUR
        world.decide(c.CleanUp())
        assert world.tables.journal_entries(run.id) == ()
        assert self.owned(world) == {"state", "promises"}
        world.now += HOUR
        world.decide(c.CleanUp())
        assert self.owned(world) == set()
        assert world.ask(c.ReadOutput(run.id)) == o.NotFound(run.id)

    def test_without_retention_nothing_stays(self) -> None:
        world = workflow_world()
        run = self.finished(world, kept=0)
        assert self.owned(world) == set()
        assert world.ask(c.ReadOutput(run.id)) == o.NotFound(run.id)

    def test_its_weight_counts_state_and_promises(self) -> None:
        world = workflow_world()
        run = self.finished(world)
        completion = world.tables.completions.get(run.id)
        assert completion is not None
        assert completion.retained_bytes > 1100 + 1000
        world.decide(c.PurgeJournal(run.id))
        kept = world.tables.completions.get(run.id)
        assert kept is not None
        assert kept.workflow
        assert 1100 < kept.retained_bytes < completion.retained_bytes

    def test_who_waits_for_an_open_promise_waits_for_the_next_run(self) -> None:
        world = workflow_world()
        run = self.finished(world)
        watcher = world.invoke(click_of())
        world.say(watcher, m.GetPromiseCommand("other", 1))
        world.decide(c.Purge(run.id))
        again = begin(world)
        world.say(again, m.CompletePromiseCommand("other", 1, b"b"))
        assert world.journal(watcher)[-1] == m.GetPromiseCompletion(1, b"b")

    def test_a_scheduled_run_that_is_cancelled_takes_nothing_with_it(self) -> None:
        world = workflow_world()
        world.say(world.invoke(click_of()), m.CompletePromiseCommand("click", 1, b"a"), *DONE)
        run = world.invoke(run_of(), at=world.now + HOUR, kept=KEPT)
        assert world.ask(c.Cancel(run.id)) == o.Done()
        assert promise(world) == Promise(Result(b"a"))
        assert world.ask(c.ReadOutput(run.id)) == o.NotFound(run.id)
