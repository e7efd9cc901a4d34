"""Restarts of finished invocations, from scratch or from a part of their journals."""

from typing import Any

import pytest

from machine_world import HOUR, INPUT, World, add, flow, handler, service, tell
from odradek.protocol import messages as m
from odradek.protocol.ids import partition_key_of
from odradek_engine.model import commands as c
from odradek_engine.model import outcomes as o
from odradek_engine.model.effects import StartAttempt
from odradek_engine.model.registry import Deployment, Schema
from odradek_engine.model.rows import Invocation, Phase, SourceKind, random_seed
from odradek_engine.model.target import TargetKind

STEPS = (
    m.RunCommand(1, "a"),
    m.RunCommand(2, "b"),
    m.ProposeRunCompletion(2, b"B"),
    m.ProposeRunCompletion(1, b"A"),
)
JOURNAL = (
    INPUT,
    m.RunCommand(1, "a"),
    m.RunCommand(2, "b"),
    m.RunCompletion(2, b"B"),
    m.RunCompletion(1, b"A"),
    m.OutputCommand(b"out"),
)


def finished(world: World, target: Any = None, **settings: Any) -> Invocation:
    invocation = world.invoke(target or service(), **settings)
    world.say(invocation, *STEPS, m.OutputCommand(b"out"), m.End())
    return invocation


def restart(world: World, invocation: Invocation, **settings: Any) -> Invocation:
    outcome = world.ask(c.RestartAsNew(invocation.id, **settings))
    assert isinstance(outcome, o.Accepted)
    anew = world.tables.invocations.get(outcome.invocation)
    assert anew is not None
    return anew


class TestFromScratch:
    def test_a_new_invocation_with_the_same_input(self) -> None:
        world = World(partition=1, partitions=4)
        before = finished(world, key="idempotent", kept=7 * HOUR, journal_kept=HOUR)
        kept = world.tables.completions.get(before.id)
        world.now += 5
        anew = restart(world, before)
        assert world.started() == [(anew.id, 1)]
        assert world.journal(anew) == (INPUT,)
        assert world.tables.completions.get(before.id) == kept
        assert anew.id != before.id
        assert partition_key_of(anew.id) == partition_key_of(before.id)
        assert (anew.target, anew.created_at, anew.idempotency_key) == (before.target, world.now, None)
        assert (anew.completion_retention, anew.journal_retention) == (7 * HOUR, HOUR)
        assert (anew.source.kind, anew.source.invocation) == (SourceKind.RESTART, before.id)
        assert random_seed(anew) != random_seed(before)

    def test_it_waits_for_its_object(self) -> None:
        world = World()
        before = finished(world, add())
        holder = world.invoke(add())
        anew = restart(world, before, last_index=2)
        assert world.status(anew).phase is Phase.INBOXED
        world.say(holder, m.OutputCommand(b""), m.End())
        assert world.started() == [(anew.id, 1)]
        assert world.only(StartAttempt).journal == JOURNAL[:5]

    def test_a_delay_is_over(self) -> None:
        world = World()
        before = world.invoke(service(), at=world.now + HOUR)
        (_, timer) = world.rows()["timers"][0]
        world.now += HOUR
        world.decide(c.FireTimer(timer))
        world.say(before, m.OutputCommand(b""), m.End())
        assert world.status(restart(world, before)).phase is Phase.INVOKED


class TestFromAPart:
    @pytest.mark.parametrize(
        ("last_index", "kept"),
        [
            (1, (*JOURNAL[:2], JOURNAL[4])),
            (2, JOURNAL[:5]),
            (3, JOURNAL[:5]),
            (4, JOURNAL[:5]),
            (5, JOURNAL),
        ],
    )
    def test_results_of_kept_commands_are_kept(self, last_index: int, kept: tuple[m.Entry, ...]) -> None:
        world = World()
        anew = restart(world, finished(world), last_index=last_index)
        assert world.only(StartAttempt).journal == kept
        assert world.journal(anew) == kept

    def test_calls_are_not_made_again(self) -> None:
        world = World()
        before = world.invoke(service())
        world.say(before, m.CallCommand("Greeter", "greet", b"", (), "", None, 1, 2))
        (child, _), *_ = world.started()
        world.say(child, m.OutputCommand(b"hi"), m.End())
        world.say(before, m.OutputCommand(b""), m.End())
        anew = restart(world, before, last_index=1)
        assert world.started() == [(anew.id, 1)]
        assert world.journal(anew) == world.journal(before)[:4]

    def test_signals_are_kept_by_their_place_alone(self) -> None:
        world = World()
        before = world.invoke(service())
        world.say(before, m.RunCommand(1, "a"), m.ProposeRunCompletion(1, b""))
        world.decide(c.Signal(before.id, m.SignalNotification(17, b"s")))
        world.say(before, m.OutputCommand(b""), m.End())
        lengths = [len(world.journal(restart(world, before, last_index=last))) for last in (1, 2, 3)]
        assert lengths == [3, 3, 4]

    def test_chance_goes_on_as_it_was(self) -> None:
        world = World()
        before = finished(world)
        anew = restart(world, before, last_index=1)
        assert random_seed(anew) == random_seed(before)
        world.say(anew, m.OutputCommand(b""), m.End())
        assert random_seed(restart(world, anew, last_index=1)) == random_seed(before)

    def test_a_command_whose_result_never_came(self) -> None:
        world = World()
        before = world.invoke(service())
        world.say(before, m.SleepCommand(world.now + HOUR, 1), m.RunCommand(2, "a"), m.ProposeRunCompletion(2, b""))
        world.decide(c.Kill(before.id))
        for last_index in (1, 2, 3):
            assert world.ask(c.RestartAsNew(before.id, last_index)) == o.PrefixOpen(before.id)
            assert world.events == []
        assert world.journal(restart(world, before)) == (INPUT,)

    def test_the_journal_is_not_that_long(self) -> None:
        world = World()
        before = finished(world)
        assert world.ask(c.RestartAsNew(before.id, len(JOURNAL))) == o.PrefixOpen(before.id)


class TestWhatCannotBe:
    def test_it_has_not_ended(self) -> None:
        world = World()
        running, waiting = world.invoke(add()), world.invoke(add())
        later = world.invoke(service(), at=world.now + HOUR)
        unknown = world.invocation(service()).id
        assert world.ask(c.RestartAsNew(running.id)) == o.NotCompleted(running.id)
        assert world.ask(c.RestartAsNew(waiting.id)) == o.NotStarted(waiting.id)
        assert world.ask(c.RestartAsNew(later.id)) == o.NotStarted(later.id)
        assert world.ask(c.RestartAsNew(unknown)) == o.NotFound(unknown)

    @pytest.mark.parametrize("target", [flow(), tell()])
    def test_workflows(self, target: Any) -> None:
        world = World()
        before = finished(world, target)
        assert world.ask(c.RestartAsNew(before.id)) == o.NotRestartable(before.id)

    def test_its_journal_is_gone(self) -> None:
        world = World()
        before = finished(world)
        world.decide(c.PurgeJournal(before.id))
        assert world.ask(c.RestartAsNew(before.id)) == o.InputGone(before.id)


# --- on which deployment ---


def deployment(identifier: str, least: int = 5, most: int = 7, *, in_process: bool = False) -> Deployment:
    return Deployment(identifier, 1, "sdk/1", least, most, (), in_process)


KNOWN = {
    "dp_old": deployment("dp_old", most=6),
    "dp_new": deployment("dp_new"),
    "dp_other": deployment("dp_other", least=7),
    "dp_in": deployment("dp_in", in_process=True),
}
VERSIONS = {"dp_old": 6, "dp_new": 7, "dp_other": 7}


def serve(world: World, identifier: str) -> None:
    """The service's newest deployment; empty: the process itself."""
    version = VERSIONS.get(identifier, 0)
    one = handler("Greeter", "greet", TargetKind.SERVICE, deployment=identifier, protocol_version=version)
    world.schema = Schema({}, {("Greeter", "greet"): one}, KNOWN, VERSIONS)


def placed(world: World, invocation: Invocation) -> tuple[str, int, bool]:
    start, status = world.only(StartAttempt), world.status(invocation)
    assert (start.deployment, start.protocol_version) == (status.deployment, status.protocol_version)
    return status.deployment, status.protocol_version, status.pinned


class TestRestartElsewhere:
    @pytest.mark.parametrize(
        ("wanted", "place"),
        [
            ("latest", ("dp_new", 7, False)),
            ("keep", ("dp_old", 6, True)),
            ("dp_other", ("dp_other", 7, True)),
            ("dp_in", ("", 0, True)),
        ],
    )
    def test_where_it_runs(self, wanted: str, place: tuple[str, int, bool]) -> None:
        world = World()
        serve(world, "dp_old")
        before = finished(world)
        serve(world, "dp_new")
        anew = restart(world, before, deployment=wanted)
        assert placed(world, anew) == place
        going_on = restart(world, before, last_index=1, deployment=wanted)
        assert placed(world, going_on) == (*place[:2], True)

    def test_where_it_ran_is_kept_even_where_that_is_gone(self) -> None:
        world = World()
        serve(world, "dp_old")
        before = finished(world)
        world.schema = Schema({}, {}, {})
        assert placed(world, restart(world, before, deployment="keep")) == ("dp_old", 6, True)

    def test_one_of_this_process_is_bound_to_nothing(self) -> None:
        world = World()
        serve(world, "")
        before = finished(world)
        serve(world, "dp_new")
        assert placed(world, restart(world, before, deployment="keep")) == ("dp_new", 7, False)

    def test_nobody_knows_the_deployment(self) -> None:
        world = World()
        before = finished(world)
        assert world.ask(c.RestartAsNew(before.id, deployment="dp_x")) == o.UnknownDeployment(before.id)


@pytest.mark.row("I8")
class TestResumeElsewhere:
    def suspended(self, world: World, on: str, *messages: Any) -> Invocation:
        serve(world, on)
        invocation = world.invoke(service())
        world.say(invocation, *messages, m.Suspension(m.Future((), (17,))))
        serve(world, "dp_new")
        return invocation

    @pytest.mark.parametrize(
        ("on", "wanted", "place"),
        [
            ("dp_old", "keep", ("dp_old", 6, True)),
            ("dp_old", "latest", ("dp_new", 6, True)),
            ("dp_old", "dp_new", ("dp_new", 6, True)),
            ("dp_old", "dp_in", ("", 0, True)),
            ("", "keep", ("", 0, False)),
            ("", "latest", ("dp_new", 7, True)),
            ("", "dp_old", ("dp_old", 6, True)),
        ],
    )
    def test_its_journal_goes_on_there(self, on: str, wanted: str, place: tuple[str, int, bool]) -> None:
        world = World()
        invocation = self.suspended(world, on, *STEPS)
        assert world.ask(c.Resume(invocation.id, wanted)) == o.Done()
        assert placed(world, invocation) == place

    def test_the_journals_version_of_the_protocol_must_be_spoken_there(self) -> None:
        world = World()
        invocation = self.suspended(world, "dp_old", *STEPS)
        refused = world.ask(c.Resume(invocation.id, "dp_other"))
        assert isinstance(refused, o.Refused)
        assert refused.code == 409
        assert "has version 6 of the protocol, the deployment speaks versions 7 to 7" in refused.message
        assert world.events == []

    def test_without_a_journal_it_takes_the_newest_alone(self) -> None:
        world = World()
        invocation = self.suspended(world, "dp_old")
        for wanted in ("dp_old", "dp_x"):
            assert world.ask(c.Resume(invocation.id, wanted)) == o.DeploymentFixed(invocation.id)
        assert world.ask(c.Resume(invocation.id, "latest")) == o.Done()
        assert placed(world, invocation) == ("dp_new", 7, False)

    def test_one_that_runs_stays_where_it_is(self) -> None:
        world = World()
        serve(world, "dp_old")
        invocation = world.invoke(service())
        world.say(invocation, *STEPS)
        for wanted in ("latest", "dp_new"):
            assert world.ask(c.Resume(invocation.id, wanted)) == o.DeploymentFixed(invocation.id)
        assert world.ask(c.Resume(invocation.id, "keep")) == o.Done()

    def test_nobody_knows_the_deployment(self) -> None:
        world = World()
        invocation = self.suspended(world, "dp_old", *STEPS)
        assert world.ask(c.Resume(invocation.id, "dp_x")) == o.UnknownDeployment(invocation.id)
