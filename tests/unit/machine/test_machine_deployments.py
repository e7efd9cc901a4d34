"""Deployments in the registry, and which of them an invocation's attempts run on."""

from typing import Any

from msgspec.structs import replace

from machine_world import INPUT, World, handler, service
from odradek.protocol import messages as m
from odradek.protocol.manifest import HandlerManifest, HandlerType, ServiceManifest, ServiceType
from odradek_engine.model import commands as c
from odradek_engine.model import outcomes as o
from odradek_engine.model.effects import Deliver, RegistryChanged, StartAttempt
from odradek_engine.model.events import DeploymentRegistered, DeploymentRemoved, StatusChanged
from odradek_engine.model.registry import Deployment, Schema, ServiceSettings
from odradek_engine.model.rows import AttemptFailure, Invocation, Phase
from odradek_engine.model.target import TargetKind
from odradek_engine.partition.decide.failing import JITTER

FAILURE = AttemptFailure(500, "gone", "RT0010")
LONG = int(60_000 * (1 + JITTER)) + 1


def manifest(name: str, *handlers: str, ty: ServiceType = ServiceType.SERVICE) -> ServiceManifest:
    return ServiceManifest(name=name, ty=ty, handlers=tuple(HandlerManifest(name=each) for each in handlers))


def remote(identifier: str, *services: ServiceManifest, uri: str = "") -> Deployment:
    return Deployment(identifier, 1, "sdk/1", 5, 7, services, in_process=False, uri=uri or f"http://{identifier}/")


def inside(identifier: str, *services: ServiceManifest) -> Deployment:
    return Deployment(identifier, 1, "odradek", 5, 7, services)


def registered(world: World) -> dict[str, tuple[str, int]]:
    """Services with their deployments and revisions."""
    return {row.manifest.name: (row.deployment, row.revision) for _, row in world.rows().get("services", [])}


A, B, C = manifest("A", "x"), manifest("B", "y"), manifest("C", "z")


class TestRegistration:
    def test_a_new_address_serves_from_now_on(self) -> None:
        world = World()
        assert world.ask(c.RegisterDeployment(remote("dp_1", A, B))) == o.Registered("dp_1", existing=False)
        assert world.found(RegistryChanged)
        assert world.ask(c.RegisterDeployment(remote("dp_2", A))) == o.Registered("dp_2", existing=False)
        assert registered(world) == {"A": ("dp_2", 2), "B": ("dp_1", 1)}
        deployments = [row for _, row in world.rows()["deployments"]]
        assert [row.revisions for row in deployments] == [{"A": 1, "B": 1}, {"A": 2}]

    def test_a_known_address_is_left_as_it_is(self) -> None:
        world = World()
        world.decide(c.RegisterDeployment(remote("dp_1", A)))
        again = remote("dp_2", B, uri="http://dp_1/")
        assert world.ask(c.RegisterDeployment(again)) == o.Registered("dp_1", existing=True)
        assert world.events == []

    def test_unless_it_is_to_be_replaced(self) -> None:
        world = World()
        world.decide(c.RegisterDeployment(remote("dp_1", A, B)))
        again = replace(remote("dp_2", A, uri="http://dp_1/"), created_at=9)
        assert world.ask(c.RegisterDeployment(again, overwrite=True)) == o.Registered("dp_1", existing=True)
        assert registered(world) == {"A": ("dp_1", 2)}
        event = world.only(DeploymentRegistered)
        assert (event.deployment.id, event.deployment.created_at, event.gone) == ("dp_1", 1, ("B",))

    def test_what_it_does_not_serve_any_more_stays_with_others(self) -> None:
        world = World()
        world.decide(c.RegisterDeployment(remote("dp_1", A, B)))
        world.decide(c.RegisterDeployment(remote("dp_2", B)))
        world.decide(c.RegisterDeployment(remote("dp_3", A, uri="http://dp_1/"), overwrite=True))
        assert registered(world) == {"A": ("dp_1", 2), "B": ("dp_2", 2)}

    def test_what_the_newest_does_not_serve_any_more_falls_to_the_one_before(self) -> None:
        world = World()
        world.decide(c.RegisterDeployment(remote("dp_1", A, B)))
        world.decide(c.RegisterDeployment(remote("dp_2", A)))
        world.decide(c.RegisterDeployment(remote("dp_3", A, B)))
        assert registered(world) == {"A": ("dp_3", 3), "B": ("dp_3", 2)}
        world.decide(c.RegisterDeployment(remote("dp_4", C, uri="http://dp_3/"), overwrite=True))
        assert registered(world) == {"A": ("dp_2", 2), "B": ("dp_1", 1), "C": ("dp_3", 1)}

    def test_a_service_keeps_its_type_unless_that_is_asked_for(self) -> None:
        world = World()
        world.decide(c.RegisterDeployment(remote("dp_1", A)))
        other = remote("dp_2", manifest("A", "x", ty=ServiceType.VIRTUAL_OBJECT), B)
        refused = world.ask(c.RegisterDeployment(other))
        assert isinstance(refused, o.Refused)
        assert refused.code == 409
        assert registered(world) == {"A": ("dp_1", 1)}
        assert world.ask(c.RegisterDeployment(other, breaking=True)) == o.Registered("dp_2", existing=False)

    def test_a_node_that_starts_again_takes_no_service_back(self) -> None:
        world = World()
        world.decide(c.RegisterDeployment(inside("dp_in", A)))
        world.decide(c.RegisterDeployment(remote("dp_1", A)))
        world.decide(c.RegisterDeployment(inside("dp_in", A)))
        assert registered(world) == {"A": ("dp_1", 2)}
        changed = manifest("A", "x", "new")
        world.decide(c.RegisterDeployment(inside("dp_in", changed)))
        assert registered(world) == {"A": ("dp_in", 3)}

    def test_a_node_that_starts_with_another_application_takes_its_services(self) -> None:
        world = World()
        world.decide(c.RegisterDeployment(inside("dp_1", A)))
        world.decide(c.RegisterDeployment(inside("dp_2", A, B)))
        world.decide(c.RegisterDeployment(inside("dp_1", A)))
        assert registered(world) == {"A": ("dp_1", 3), "B": ("dp_2", 1)}


class TestUpdate:
    def test_another_address_changes_no_service(self) -> None:
        world = World()
        world.decide(c.RegisterDeployment(remote("dp_1", A)))
        known = world.tables.deployments.get(b"dp_1")
        assert known is not None
        moved = replace(known, uri="http://elsewhere/", services=(A, B))
        assert world.ask(c.UpdateDeployment(moved)) == o.Registered("dp_1", existing=True)
        assert registered(world) == {"A": ("dp_1", 1)}
        assert world.tables.deployments.get(b"dp_1") == moved

    def test_other_services_with_it(self) -> None:
        world = World()
        world.decide(c.RegisterDeployment(remote("dp_1", A)))
        world.decide(c.UpdateDeployment(remote("dp_1", B), overwrite=True))
        assert registered(world) == {"B": ("dp_1", 1)}

    def test_services_keep_their_revisions_and_are_taken_from_nobody(self) -> None:
        world = World()
        world.decide(c.RegisterDeployment(remote("dp_1", A, B)))
        world.decide(c.RegisterDeployment(remote("dp_2", B)))
        changed = manifest("A", "x", "z")
        world.decide(c.UpdateDeployment(remote("dp_1", changed, B), overwrite=True))
        assert registered(world) == {"A": ("dp_1", 1), "B": ("dp_2", 2)}
        assert [row.manifest for _, row in world.rows()["services"]] == [changed, B]
        assert [row.revisions for _, row in world.rows()["deployments"]] == [{"A": 1, "B": 1}, {"B": 2}]

    def test_a_service_that_another_one_serves_is_added_at_its_first_revision(self) -> None:
        world = World()
        world.decide(c.RegisterDeployment(remote("dp_1", A)))
        world.decide(c.RegisterDeployment(remote("dp_2", B)))
        world.decide(c.UpdateDeployment(remote("dp_1", B), overwrite=True))
        assert registered(world) == {"B": ("dp_2", 1)}
        assert [row.revisions for _, row in world.rows()["deployments"]] == [{"B": 1}, {"B": 1}]

    def test_of_what_is_not_there(self) -> None:
        outcome = World().ask(c.UpdateDeployment(remote("dp_1", A)))
        assert isinstance(outcome, o.Refused)
        assert outcome.code == 404


class TestRemoval:
    def test_its_services_go_with_it(self) -> None:
        world = World()
        world.decide(c.RegisterDeployment(remote("dp_1", A, B)))
        world.decide(c.RegisterDeployment(remote("dp_2", B)))
        assert world.ask(c.RemoveDeployment("dp_1")) == o.Done()
        assert world.only(DeploymentRemoved).services == ("A",)
        assert registered(world) == {"B": ("dp_2", 2)}
        assert [row.id for _, row in world.rows()["deployments"]] == ["dp_2"]

    def test_services_fall_to_the_deployment_before_with_the_settings_that_they_had_there(self) -> None:
        world = World()
        world.decide(c.RegisterDeployment(remote("dp_1", A, B)))
        world.decide(c.ConfigureService("A", ServiceSettings(public=False)))
        world.decide(c.RegisterDeployment(remote("dp_2", A, B)))
        world.decide(c.RemoveDeployment("dp_2"))
        assert registered(world) == {"A": ("dp_1", 1), "B": ("dp_1", 1)}
        rows = [row.manifest for _, row in world.rows()["services"]]
        assert rows == [replace(A, ingress_private=True), B]
        world.decide(c.RemoveDeployment("dp_1"))
        assert registered(world) == {}

    def test_of_what_is_not_there_or_in_the_process_itself(self) -> None:
        world = World()
        world.decide(c.RegisterDeployment(inside("dp_in", A)))
        for identifier, code in (("dp_1", 404), ("dp_in", 409)):
            outcome = world.ask(c.RemoveDeployment(identifier))
            assert isinstance(outcome, o.Refused)
            assert outcome.code == code


def serve(world: World, deployment: str, version: int = 6) -> None:
    """The service is registered with this deployment; empty: in the process itself."""
    one = handler("Greeter", "greet", TargetKind.SERVICE, deployment=deployment, protocol_version=version)
    world.schema = Schema({}, {("Greeter", "greet"): one}, {})


def runs_on(world: World) -> tuple[str, int]:
    start = world.only(StartAttempt)
    return start.deployment, start.protocol_version


def fail(world: World, invocation: Invocation) -> None:
    """The attempt fails, and the next one begins."""
    world.decide(c.FailAttempt(invocation.id, world.status(invocation).attempt, FAILURE))
    (_, timer) = world.rows()["timers"][0]
    world.now += LONG
    world.decide(c.FireTimer(timer))


class TestPinning:
    def test_until_it_has_made_an_entry_an_invocation_follows_the_newest_deployment(self) -> None:
        world = World()
        serve(world, "dp_1")
        invocation = world.invoke(service())
        assert runs_on(world) == ("dp_1", 6)
        serve(world, "dp_2", 7)
        fail(world, invocation)
        assert runs_on(world) == ("dp_2", 7)
        assert not world.status(invocation).pinned

    def test_with_its_first_entry_it_is_pinned(self) -> None:
        world = World()
        serve(world, "dp_1")
        invocation = world.invoke(service())
        world.say(invocation, m.RunCommand(1, "a"))
        assert world.only(StatusChanged).status.pinned
        serve(world, "dp_2", 7)
        fail(world, invocation)
        assert runs_on(world) == ("dp_1", 6)
        world.say(invocation, m.ProposeRunCompletion(1, b""))
        assert not any(event.status.pinned is False for event in world.found(StatusChanged))

    def test_it_stays_pinned_while_it_is_suspended(self) -> None:
        world = World()
        serve(world, "dp_1")
        invocation = world.invoke(service())
        wait = m.Future((), (17,), combinator=m.Combinator.FIRST_COMPLETED)
        world.say(invocation, m.RunCommand(1, ""), m.ProposeRunCompletion(1, b""), m.Suspension(wait))
        assert world.status(invocation).phase is Phase.SUSPENDED
        serve(world, "dp_2")
        world.decide(c.Signal(invocation.id, m.SignalNotification(17, b"")))
        assert runs_on(world) == ("dp_1", 6)

    def test_a_suspension_without_an_entry_pins_nothing(self) -> None:
        world = World()
        serve(world, "dp_1")
        invocation = world.invoke(service())
        world.say(invocation, m.Suspension(m.Future((), (17,))))
        serve(world, "dp_2")
        world.decide(c.Signal(invocation.id, m.SignalNotification(17, b"")))
        assert runs_on(world) == ("dp_2", 6)

    def test_an_attempt_that_waited_for_a_slot_takes_the_newest(self) -> None:
        world = World()
        serve(world, "dp_1")
        invocation = world.invoke(service())
        serve(world, "dp_2")
        world.decide(c.BeginAttempt(invocation.id, 1))
        assert runs_on(world) == ("dp_2", 6)
        assert world.status(invocation).deployment == "dp_2"
        world.decide(c.BeginAttempt(invocation.id, 1))
        assert world.events == []

    def test_one_that_began_in_the_process_itself_stays_there(self) -> None:
        world = World()
        serve(world, "", 0)
        begun, fresh = world.invoke(service()), world.invoke(service())
        world.say(begun, m.RunCommand(1, ""))
        assert world.found(StatusChanged) == []
        serve(world, "dp_1")
        fail(world, begun)
        assert runs_on(world) == ("", 0)
        world.say(begun, m.ProposeRunCompletion(1, b""), m.OutputCommand(b""), m.End())
        fail(world, fresh)
        assert runs_on(world) == ("dp_1", 6)

    def test_where_it_ran_is_kept_with_its_result(self) -> None:
        world = World()
        serve(world, "dp_1")
        invocation = world.invoke(service(), key="i")
        world.say(invocation, m.OutputCommand(b"out"), m.End())
        completion = world.tables.completions.get(invocation.id)
        assert completion is not None
        assert (completion.deployment, completion.protocol_version) == ("dp_1", 6)

    def test_a_service_that_nobody_serves_any_more_keeps_its_last_deployment(self) -> None:
        world = World()
        serve(world, "dp_1")
        invocation = world.invoke(service())
        world.schema = Schema({}, {}, {})
        fail(world, invocation)
        assert runs_on(world) == ("dp_1", 6)


class TestAttempts:
    def test_a_wish_for_later_is_not_counted(self) -> None:
        world = World()
        invocation = world.invoke(service("twice"))
        for _ in range(5):
            world.decide(c.FailAttempt(invocation.id, world.status(invocation).attempt, FAILURE, delay=3000))
            retry = world.status(invocation).retry
            assert retry is not None
            assert (retry.counted, retry.next_retry_at) == (0, world.now + 3000)
            (_, timer) = world.rows()["timers"][0]
            world.now += 3000
            world.decide(c.FireTimer(timer))
        assert world.status(invocation).phase is Phase.INVOKED

    def test_an_attempt_may_ask_for_a_pause(self) -> None:
        world = World()
        invocation = world.invoke(service())
        world.decide(c.FailAttempt(invocation.id, 1, FAILURE, behavior=m.ErrorBehavior.PAUSE))
        assert world.status(invocation).phase is Phase.PAUSED

    def test_a_command_that_asks_for_it_is_acknowledged(self) -> None:
        world = World()
        invocation = world.invoke(service())
        world.say(invocation, m.RunCommand(1, ""), m.CommandAck(1), m.RunCommand(2, ""))
        assert world.only(Deliver).messages == (m.CommandAck(1),)
        assert world.journal(invocation) == (INPUT, m.RunCommand(1, ""), m.RunCommand(2, ""))

    def test_how_long_it_has_been_failing_is_told(self) -> None:
        world = World()
        invocation = world.invoke(service())
        world.say(invocation, m.RunCommand(1, ""))
        began = world.now
        world.now += 1000
        fail(world, invocation)
        start = world.only(StartAttempt)
        assert (start.retries_since_stored_entry, start.since_last_stored_entry) == (1, world.now - began)

    def test_scopes_are_refused(self) -> None:
        world = World()
        invocation = world.invoke(service())
        world.say(invocation, m.CallCommand("Greeter", "greet", b"", (), "", None, 1, 2, scope="s"))
        retry = world.status(invocation).retry
        assert retry is not None
        assert retry.last_failure.error_code == "RT0024"


class TestSettings:
    def configured(self, world: World, name: str, **settings: Any) -> ServiceManifest:
        assert world.ask(c.ConfigureService(name, ServiceSettings(**settings))) == o.Done()
        return self.manifest(world, name)

    def manifest(self, world: World, name: str) -> ServiceManifest:
        return next(row.manifest for _, row in world.rows()["services"] if row.manifest.name == name)

    def test_settings_are_changed_one_by_one(self) -> None:
        world = World()
        world.decide(c.RegisterDeployment(remote("dp_1", A, B)))
        assert self.configured(world, "A", public=False) == replace(A, ingress_private=True)
        assert world.found(RegistryChanged)
        changed = self.configured(world, "A", journal_retention=5, public=True)
        assert changed == replace(A, ingress_private=False, journal_retention=5)
        assert registered(world)["A"] == ("dp_1", 1)
        assert self.manifest(world, "B") == B

    def test_registering_anew_takes_them_back(self) -> None:
        world = World()
        world.decide(c.RegisterDeployment(remote("dp_1", A)))
        self.configured(world, "A", abort_timeout=5)
        world.decide(c.RegisterDeployment(remote("dp_1", A), overwrite=True))
        assert self.manifest(world, "A") == A

    def test_a_node_that_starts_again_with_the_same_application_keeps_them(self) -> None:
        world = World()
        world.decide(c.RegisterDeployment(inside("dp_1", A)))
        changed = self.configured(world, "A", public=False)
        world.decide(c.RegisterDeployment(inside("dp_1", A)))
        assert self.manifest(world, "A") == changed
        other = replace(A, documentation="new")
        world.decide(c.RegisterDeployment(inside("dp_1", other)))
        assert self.manifest(world, "A") == other

    def test_a_workflows_retention_unless_its_handler_has_one(self) -> None:
        run = HandlerManifest(name="run", ty=HandlerType.WORKFLOW)
        other = HandlerManifest(name="other", ty=HandlerType.SHARED)
        plain = ServiceManifest(name="P", ty=ServiceType.WORKFLOW, handlers=(other, run))
        own = replace(plain, name="O", handlers=(replace(run, workflow_completion_retention=7),))
        world = World()
        world.decide(c.RegisterDeployment(remote("dp_1", plain, own)))
        for retention in (5, 6):
            changed = self.configured(world, "P", workflow_completion_retention=retention)
            assert [each.workflow_completion_retention for each in changed.handlers] == [None, retention]
        assert self.configured(world, "O", workflow_completion_retention=5) == own

    def test_what_cannot_be(self) -> None:
        world = World()
        world.decide(c.RegisterDeployment(remote("dp_1", A)))
        retention = ServiceSettings(workflow_completion_retention=5)
        assert world.ask(c.ConfigureService("A", retention)) == o.Refused(
            400, "modifying retention time for service type Service is unsupported"
        )
        assert world.ask(c.ConfigureService("B", ServiceSettings())) == o.Refused(
            404, "The requested service 'B' does not exist"
        )
        assert world.events == []
