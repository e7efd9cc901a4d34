"""Cleaning up, the registry, and commands that cannot be decided."""

from typing import Any

import msgspec
import pytest

from machine_world import DAY, HOUR, INPUT, World, add, service
from odradek.protocol import messages as m
from odradek.protocol.manifest import HandlerManifest, ServiceManifest, ServiceType
from odradek_engine.model import commands as c
from odradek_engine.model import outcomes as o
from odradek_engine.model.effects import Answer, EndAttempt, RegistryChanged
from odradek_engine.model.events import CommandRejected, DeploymentRegistered, ErrorRecorded
from odradek_engine.model.registry import Deployment
from odradek_engine.model.rows import AttemptFailure, Invocation, KafkaCluster, Subscription
from odradek_engine.partition.decide.decision import Limits

DONE = m.OutputCommand(b"x" * 1000)


def finish(world: World, **settings: Any) -> Invocation:
    invocation = world.invoke(service(), **settings)
    world.say(invocation, DONE, m.End())
    return invocation


def retained(world: World) -> int:
    return world.tables.counters.get(b"retained_bytes") or 0


class TestCleanUp:
    def test_nothing_goes_before_its_time(self) -> None:
        world = World()
        finish(world)
        world.now += DAY - 1
        assert world.ask(c.CleanUp()) == o.Done()
        assert world.events == []

    def test_what_has_expired_is_forgotten(self) -> None:
        world = World()
        invocation = finish(world)
        world.now += DAY
        assert world.ask(c.CleanUp()) == o.Done()
        assert world.ask(c.ReadOutput(invocation.id)) == o.NotFound(invocation.id)
        assert world.rows() == {"counters": [(b"retained_bytes", 0)]}

    def test_a_journal_may_go_before_its_result(self) -> None:
        world = World()
        invocation = finish(world, key="k", journal_kept=HOUR)
        world.now += HOUR
        world.decide(c.CleanUp())
        assert world.journal(invocation) == ()
        assert isinstance(world.ask(c.ReadOutput(invocation.id)), o.Ended)
        world.restart()
        world.now += DAY - HOUR
        world.decide(c.CleanUp())
        assert world.rows() == {"counters": [(b"retained_bytes", 0)]}

    def test_it_works_in_batches(self) -> None:
        world = World(limits=Limits(cleanup_batch=2))
        for _ in range(5):
            finish(world)
        world.now += DAY
        outcomes = [world.ask(c.CleanUp()) for _ in range(3)]
        assert [isinstance(outcome, o.NotCompleted) for outcome in outcomes] == [True, True, False]
        assert set(world.rows()) == {"counters"}

    def test_what_does_not_fit_goes_first_expiring_first(self) -> None:
        world = World(limits=Limits(retained_bytes=6_000))
        kept = [finish(world, key=f"{hours}", kept=hours * HOUR) for hours in (9, 1, 5)]
        before = retained(world)
        assert before > 6_000
        assert world.ask(c.CleanUp()) == o.Done()
        assert world.tables.completions.get(kept[1].id) is None
        assert retained(world) == before * 2 // 3
        assert retained(world) <= 6_000
        assert all(world.tables.completions.get(kept[one].id) is not None for one in (0, 2))

    def test_exactly_full_is_not_too_full(self) -> None:
        world = World()
        finish(world)
        world = World(limits=Limits(retained_bytes=retained(world)))
        finish(world)
        world.decide(c.CleanUp())
        assert world.events == []

    def test_the_sum_is_right_after_everything(self) -> None:
        world = World()
        first, second, third = finish(world), finish(world), finish(world, key="k", journal_kept=HOUR)
        world.decide(c.PurgeJournal(first.id))
        world.decide(c.Purge(second.id))
        world.now += HOUR
        world.decide(c.CleanUp())
        kept = [world.tables.completions.get(one.id) for one in (first, third)]
        assert retained(world) == sum(one.retained_bytes for one in kept if one is not None)
        assert [size for _, size in world.rows()["expiry"]] == [one.retained_bytes for one in kept if one is not None]


def manifest(name: str, *handlers: str, ty: ServiceType = ServiceType.SERVICE) -> ServiceManifest:
    return ServiceManifest(name=name, ty=ty, handlers=tuple(HandlerManifest(name=handler) for handler in handlers))


def deployment(identity: str, *services: ServiceManifest) -> Deployment:
    return Deployment(identity, 1, "sdk/1", 5, 7, services)


class TestRegistry:
    def test_a_deployment_and_its_services(self) -> None:
        world = World()
        first = deployment("dp_1", manifest("A", "x"), manifest("B", "y"))
        assert world.ask(c.RegisterDeployment(first)) == o.Registered("dp_1", existing=False)
        assert world.found(RegistryChanged) == [RegistryChanged()]
        assert [row.revision for _, row in world.rows()["services"]] == [1, 1]
        assert world.tables.deployments.get(b"dp_1") == msgspec.structs.replace(first, revisions={"A": 1, "B": 1})

    def test_what_has_not_changed_keeps_its_revision(self) -> None:
        world = World()
        world.decide(c.RegisterDeployment(deployment("dp_1", manifest("A", "x"), manifest("B", "y"))))
        world.restart()
        assert world.ask(
            c.RegisterDeployment(deployment("dp_1", manifest("A", "x"), manifest("B", "y")))
        ) == o.Registered("dp_1", existing=True)
        assert world.events == []
        world.decide(c.RegisterDeployment(deployment("dp_1", manifest("A", "x", "new"), manifest("B", "y"))))
        (event,) = world.found(DeploymentRegistered)
        assert [(one.manifest.name, one.revision) for one in event.services] == [("A", 2)]

    def test_a_service_moves_to_the_newest_deployment(self) -> None:
        world = World()
        world.decide(c.RegisterDeployment(deployment("dp_1", manifest("A", "x"))))
        world.decide(c.RegisterDeployment(deployment("dp_2", manifest("A", "x"))))
        ((_, row),) = world.rows()["services"]
        assert (row.deployment, row.revision) == ("dp_2", 2)

    def test_a_service_cannot_become_an_object(self) -> None:
        world = World()
        world.decide(c.RegisterDeployment(deployment("dp_1", manifest("A", "x"))))
        other = deployment("dp_2", manifest("A", "x", ty=ServiceType.VIRTUAL_OBJECT))
        refused = world.ask(c.RegisterDeployment(other))
        assert isinstance(refused, o.Refused)
        assert refused.code == 409
        assert world.events == []

    @pytest.mark.row("K12")
    def test_clusters_and_subscriptions(self) -> None:
        world = World()
        cluster = KafkaCluster("k", {"bootstrap.servers": "localhost:9092"}, 1)
        subscription = Subscription("sub_1", "k", "topic", "A", "x", {}, 1, "id", {0: 5})
        assert world.ask(c.CreateKafkaCluster(cluster)) == o.Done()
        assert world.ask(c.CreateSubscription(subscription)) == o.Done()
        refused: list[c.AnyCommand] = [
            c.CreateKafkaCluster(cluster),
            c.CreateKafkaCluster(KafkaCluster("local", {}, 1)),
            c.DeleteKafkaCluster("k"),
            c.DeleteKafkaCluster("unknown"),
            c.ChangeKafkaCluster("unknown", {}),
            c.DeleteSubscription("unknown"),
        ]
        outcomes = [world.ask(command) for command in refused]
        assert [one.code for one in outcomes if isinstance(one, o.Refused)] == [409, 409, 409, 404, 404, 404]
        assert world.ask(c.ChangeKafkaCluster("k", {"metadata.broker.list": "h:1"})) == o.Done()
        changed = world.tables.clusters.get(b"k")
        assert changed == KafkaCluster("k", {"metadata.broker.list": "h:1"}, 1)
        world.restart()
        assert world.ask(c.DeleteKafkaCluster("k", force=True)) == o.Done()
        assert world.ask(c.DeleteSubscription("sub_1")) == o.Done()
        assert world.rows() == {}


class TestRejection:
    def test_a_command_that_cannot_be_decided_changes_nothing(self) -> None:
        world = World()
        holder = world.invoke(add())
        before = world.rows()
        broken = world.invocation(add(), at=2**70)
        outcome = world.ask(c.Invoke(broken, INPUT))
        assert isinstance(outcome, o.Refused)
        assert outcome.code == 500
        (event,) = world.events
        assert isinstance(event, CommandRejected)
        after = world.rows()
        assert after.pop("rejected") == [(bytes(8), (event.raw, event.reason, world.now))]
        assert after.pop("counters") == [(b"rejected", 1)]
        assert after == before
        assert world.status(holder).attempt == 1

    def test_what_was_decided_before_in_the_same_turn_stays(self) -> None:
        world = World()
        world.machine.begin_turn()
        good, broken = world.invocation(add()), world.invocation(add(), at=2**70)
        world.machine.decide(c.Invoke(good, INPUT), world.now)
        world.machine.decide(c.Invoke(broken, INPUT), world.now)
        assert world.tables.statuses.get(good.id) is not None
        assert world.tables.statuses.get(broken.id) is None

    def test_the_attempt_of_a_broken_message_fails(self) -> None:
        world = World()
        invocation = world.invoke(service())
        world.say(invocation, m.RunCommand(1), m.SleepCommand(2**70, 2))
        failure = world.only(ErrorRecorded).event.failure
        assert failure is not None
        assert failure.error_code == "RT0006"
        assert world.journal(invocation) == (INPUT,)
        assert world.status(invocation).attempt == 2
        assert EndAttempt(invocation.id, 1) in world.effects

    def test_where_not_even_the_journal_can_be_read_the_attempt_is_ended(self) -> None:
        world = World()
        invocation = world.invoke(service())
        world.restart()
        ((group, key, _),) = world.rows()["journal"]
        prefix = (0).to_bytes(2, "big")
        world.store.write([("journal", prefix + group + key, b"\xc1")])
        world.open_tables()
        for command in (
            c.HandlerMessages(invocation.id, 1, (m.RunCommand(1),)),
            c.BeginAttempt(invocation.id, 1),
            c.FailAttempt(invocation.id, 1, AttemptFailure(500, "no", "RT0007")),
        ):
            world.machine.begin_turn()
            decision = world.machine.decide(command, world.now)
            assert [type(event) for event in decision.events] == [CommandRejected]
            assert EndAttempt(invocation.id, 1) in decision.effects

    def test_a_text_that_is_no_unicode_is_kept_as_python_shows_it(self) -> None:
        world = World()
        command = c.Invoke(world.invocation(service()), m.InputCommand((m.Header("h", "\udcff"),), b""))
        error = UnicodeEncodeError("utf-8", "\udcff", 0, 1, "surrogates not allowed")
        world.machine.begin_turn()
        decision = world.machine.reject(command, world.now, error)
        msgspec.msgpack.encode(decision.events)
        (event,) = decision.events
        assert isinstance(event, CommandRejected)
        assert b"InputCommand" in event.raw

    @pytest.mark.parametrize("code", [413, 500])
    def test_a_refusal_in_place_of_a_command_is_told(self, code: int) -> None:
        world = World()
        world.decide(c.Refuse(code, "no"))
        assert (world.events, world.effects) == ([], [Answer(o.Refused(code, "no"))])
