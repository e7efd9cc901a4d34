"""One run's world: everything in it lives on one loop, and is drawn from one seed."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from odradek.protocol.manifest import EndpointManifest
from odradek.protocol.messages import EngineMessage, Entry, Start
from odradek_engine.config import Config
from odradek_engine.config.schema import InvokerConfig, RetryPolicy, StorageConfig, WorkerConfig
from odradek_engine.log.port import LogError, Record
from odradek_engine.log.simulated_cluster import SimulatedCluster, SimulatedPartition
from odradek_engine.model.registry import RegisteredService, Schema
from odradek_engine.replica.record import decode_record
from odradek_engine.schema import build_schema
from odradek_engine.store.port import StoreError
from odradek_engine.testing.host import WorldScheduler
from odradek_engine.testing.loop import VirtualLoop
from odradek_engine.testing.process import Process, current_process
from simulation import crash_points, faults
from simulation.checkers.every import all_checkers
from simulation.clients import Client, Clients
from simulation.endpoint import LATE_SECONDS, WatchedApplication
from simulation.group import Group
from simulation.history import History, Known, Moment
from simulation.machine import Machine
from simulation.outside import begin_outside
from simulation.plan import CrashAt, Fault, Plan, Request
from simulation.remote.host import RemoteHost
from simulation.remote.network import Network
from simulation.subscribing import Subscribing
from simulation.trace import Show, Trace

CLUSTER = "simulation"


class World:
    """Nodes, log, clients, and who watches them. Implements `Watched`."""

    def __init__(self, plan: Plan, show: Show | None = None) -> None:
        setting = self.setting = plan.setting
        self.plan = plan
        self.loop = VirtualLoop(setting.seed if setting.shuffled else None, threads=False)
        self.time = self.loop.time
        self.trace = Trace(self.loop.time, show)
        self.violations: list[str] = []
        self.met: Counter[str] = Counter()
        """How often each crash point and each kind of fault was met."""
        self.ended: asyncio.Future[None] = self.loop.create_future()
        """Done at the first violation."""
        self.cluster = SimulatedCluster(setting.seed, WorldScheduler(self.loop), setting.log)
        self.cluster.written = self._written
        self.retained_bytes = setting.retained_bytes
        self.nodes = setting.nodes
        self.history = History(setting.partitions, self._event)
        self.outside = begin_outside(lambda text: self.violated("I3 steps", text))
        self.checkers = all_checkers(self)
        self._handles: dict[type, list[Callable[[Any, Moment], None]]] = {}
        for checker in self.checkers:
            for kind, handle in checker.handles().items():
                self._handles.setdefault(kind, []).append(handle)
        self.applications = [WatchedApplication(self)]
        self.config = _config(plan)
        self.network = Network(self)
        self.hosts = [RemoteHost(self, number) for number in range(setting.hosts)]
        self.machines = [Machine(self, number, self.config, self.applications) for number in range(setting.nodes)]
        self.group = Group(self)
        self.clients = Clients(self, dict(_schema(self).handlers))
        self.outside.one_node = setting.nodes == 1 and not setting.hosts
        self.outside.begun_by = self.clients.begun_by
        self.subscriptions = Subscribing(self)
        self._followers: dict[int, list[Request]] = {}
        for request in plan.requests:
            if request.kind == "state" and request.subject:
                self._followers.setdefault(request.subject, []).append(request)
        self._random = random.Random(f"{setting.seed} handlers")
        self._planned = {(crash.point, crash.hit): crash for crash in plan.crashes}
        self.faulty = True
        """Until the faults are over."""

    # --- callbacks outside of all processes ---

    def later(self, seconds: float, work: Callable[[], object]) -> asyncio.TimerHandle:
        """Calls back."""
        return self.loop.call_later_in_world(seconds, work)

    # --- what is seen ---

    def violated(self, what: str, text: str) -> None:
        """A property does not hold."""
        self.trace.note(f"VIOLATED {what}: {text}")
        self.violations.append(f"{what}: {text}")
        if not self.ended.done():
            self.ended.set_result(None)

    def _event(self, event: Any, moment: Moment) -> None:
        self.met[f"event {type(event).__name__}"] += 1
        for handle in self._handles.get(type(event), ()):
            handle(event, moment)

    def _written(self, partition: SimulatedPartition, record: Record) -> None:
        topic, _, number = partition.name.rpartition("/")
        raw = record.value or b""
        if topic != f"{CLUSTER}.journal":
            self.trace.note(f"{partition.name}@{record.offset}", raw)
            return
        counted = self.history.written(int(number), record)
        word = "" if counted is not None else " void"
        self.trace.note(f"journal {number}@{record.offset}{word}", raw, lambda: _describe(raw))

    def handler_started(
        self, start: Start, journal: Sequence[Entry], attempt: int, *, heard: bool = True
    ) -> Known | None:
        """An attempt begins. Returns whose: the life of its invocation that came to it. `heard`: its words count."""
        known = self.history.life_with(start.id, attempt)
        self.trace.note("handler starts", start.id, lambda: f"{start.debug_id} with {len(journal)} entries")
        current = heard and known is not None and known.status is not None and known.status.attempt == attempt
        for checker in self.checkers:
            checker.started(known, start, journal, current=current)
        return known

    def handler_heard(self, known: Known | None, messages: Sequence[EngineMessage]) -> None:
        """A handler gets messages."""
        process = current_process()
        if process is not None and not process.alive:
            return
        for checker in self.checkers:
            checker.delivered(known, messages)

    def asked(self, client: Client) -> None:
        """A client asks."""
        for checker in self.checkers:
            checker.asked(client.request, client.invocation)

    def replied(self, client: Client) -> None:
        """A client has its answer."""
        outcome = client.outcome
        assert outcome is not None
        self.trace.note(f"client {client.request.number} hears {type(outcome).__name__}", describe=lambda: outcome)
        for checker in self.checkers:
            checker.replied(client.request, client.invocation, outcome)
        for request in self._followers.get(client.request.number, ()):
            self.clients.begin(request)

    def node_died(self, machine: Machine) -> None:
        """A node is dead."""
        self.trace.note(f"node {machine.number} dies")
        self.met["node deaths"] += 1
        self.network.node_died(machine.process)
        for checker in self.checkers:
            checker.disk_left(self, machine)

    # --- what goes wrong ---

    def reach(self, point: str) -> None:
        """The node that runs now comes to a named crash point."""
        process = current_process()
        if process is None or not process.alive:
            return
        self.met[point] += 1
        crash = self._planned.get((point, self.met[point]))
        if crash is not None and self.faulty:
            self._crash(process, crash)

    def _crash(self, process: Process, crash: CrashAt) -> None:
        for machine in self.machines:
            if machine.alive and machine.process is process:
                self.trace.note(f"crash point: {crash.point}")
                self.met["crashes at points"] += 1
                machine.crash(power=crash.power)

    def bad_disk(self, process: Process | None, error: StoreError) -> None:
        """A node says in its log that its disk has gone bad: its operator reads that."""
        for machine in self.machines:
            if machine.alive and machine.process is process:
                machine.cannot_go_on(error)

    def strike(self, fault: Fault) -> None:
        """Something goes wrong."""
        if not self.faulty:
            return
        self.met[f"fault {fault.kind}"] += 1
        self.trace.note(f"fault: {fault.kind} {fault.node} {fault.amount:g}")
        faults.KINDS[fault.kind](self, self.machines[fault.node % len(self.machines)], fault.amount)

    def draw_lateness(self) -> float:
        """How late a handler's words come, seconds."""
        if not self.faulty or self._random.random() >= self.setting.handler_faults:
            return 0.0
        self.met["fault late handler"] += 1
        return self._random.uniform(*LATE_SECONDS) * self._random.random()

    def thaw(self, process: Process) -> None:
        """A process goes on."""
        if process.frozen:
            self.trace.note(f"{process.name} goes on")
            self.loop.thaw(process)

    def calm_log(self) -> None:
        """The log is as the setting says."""
        self.cluster.faults = self.setting.log if self.faulty else faults.CALM

    def end_faults(self) -> None:
        """From now on everything works."""
        self.faulty = False
        self.outside.faults = False
        self.trace.note("faults are over")
        self.calm_log()
        farthest = max(machine.clock.farthest_ms for machine in self.machines)
        for machine in self.machines:
            machine.clock.mend(farthest)
            if machine.alive:
                self.thaw(machine.process)
        self.group.settle()

    def may_give_up(self, error: Exception) -> bool:
        """Whether a node may end for that: its supervisor starts it again."""
        return isinstance(error, LogError)


def _config(plan: Plan) -> Config:
    setting = plan.setting
    return Config(
        cluster_name=CLUSTER,
        node_name="node",
        default_num_partitions=setting.partitions,
        default_journal_retention_ms=600_000,
        experimental_enable_protocol_v7=True,
        default_retry_policy=RetryPolicy(initial_interval_ms=50, max_interval_ms=1_500, max_attempts=6),
        worker=WorkerConfig(
            max_command_batch_size=1 if setting.one_entry_a_record else 1024,
            cleanup_interval_ms=2_000,
            invoker=InvokerConfig(
                inactivity_timeout_ms=700,
                abort_timeout_ms=900,
                eager_state_size_limit_bytes=setting.eager_state_bytes,
                concurrent_invocations_limit=setting.slots,
            ),
        ),
        # Often, so that many crashes fall between two writes.
        storage=StorageConfig(retained_size_per_partition_bytes=setting.retained_bytes, flush_interval_ms=10),
    )


def _schema(world: World) -> Schema:
    """The handlers' schema as a node will register it."""
    manifest = world.applications[0].manifest()
    return build_schema(_services(manifest), (), world.config)


def _services(manifest: EndpointManifest) -> list[RegisteredService]:
    return [RegisteredService(service, "", 1) for service in manifest.services]


def _describe(raw: bytes) -> str:
    record = decode_record(raw)
    names = ", ".join(type(event).__name__ for event in record.events())
    return f"epoch {record.epoch} index {record.index}: {names}"


crash_points.install()
