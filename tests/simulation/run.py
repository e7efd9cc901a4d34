"""One run: a plan is carried out, then the faults end, and everything that can must come to its end."""

from __future__ import annotations

import logging
import time
from collections import Counter
from typing import Final

import msgspec

from odradek_engine.log.simulated_cluster import settle
from odradek_engine.store.port import StoreError
from odradek_engine.testing.loop import NothingLeft, StillBusy
from odradek_engine.testing.process import current_process
from simulation import crash_points
from simulation.operator import Operator
from simulation.plan import Plan
from simulation.trace import Show
from simulation.world import World

STILL_SECONDS: Final = 20.0
"""So long after the last fault nothing may stand still that could go on ..."""
HEAL_SECONDS: Final = 200.0
"""... and so long after it everything must have ended."""
UPKEEP_SECONDS: Final = 3.0
"""So long nothing may begin again, and retention gets to forget what is over."""
LOOK_SECONDS: Final = 1.0


class Report(msgspec.Struct, frozen=True):
    """What became of a run."""

    digest: str
    violations: list[str]
    events: int
    records: int
    virtual_seconds: float
    cpu_seconds: float
    met: Counter[str]


class _Complaints(logging.Handler):
    """The engine's own errors, which it writes into its log."""

    def __init__(self, world: World) -> None:
        super().__init__(logging.ERROR)
        self._world = world

    def emit(self, record: logging.LogRecord) -> None:
        """An error was logged; what a dead process says while it is taken apart is nothing."""
        speaker = current_process()
        if speaker is not None and not speaker.alive:
            return
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, StoreError):
            self._world.bad_disk(speaker, error)
        else:
            self._world.violated("no errors in the log", f"{record.name}: {record.getMessage()} {error!r}")


def run(plan: Plan, show: Show | None = None) -> Report:
    """Carries a plan out."""
    began = time.process_time()
    world = World(plan, show)
    crash_points.begin(world.reach)
    complaints = _Complaints(world)
    root = logging.getLogger()
    root.addHandler(complaints)
    try:
        _carry_out(world)
    except (NothingLeft, StillBusy) as error:
        world.violated("L1 liveness", str(error))
    except Exception as error:
        world.violated("the engine works", repr(error))
    finally:
        root.removeHandler(complaints)
        _close(world)
    records = sum(len(journal.counted) + journal.void for journal in world.history.journals)
    return Report(
        world.trace.digest(),
        world.violations,
        world.trace.events,
        records,
        world.time(),
        time.process_time() - began,
        world.met,
    )


def _carry_out(world: World) -> None:
    plan = world.plan
    world.later(0, world.group.begin)
    for request in plan.requests:
        if request.kind == "state" and request.subject:
            continue  # it follows another one's answer
        if request.kind == "produce":
            world.later(request.at, lambda request=request: world.subscriptions.produce(request))  # type: ignore[misc]
        else:
            world.later(request.at, lambda request=request: world.clients.begin(request))  # type: ignore[misc]
    for fault in plan.faults:
        world.later(fault.at, lambda fault=fault: world.strike(fault))  # type: ignore[misc]
    world.later(plan.setting.seconds, world.end_faults)
    if _pass(world, plan.setting.seconds + 0.001) and _heal(world):
        for checker in world.checkers:
            checker.finish(world)


def _pass(world: World, seconds: float) -> bool:
    """Lets time pass; False where a property was violated meanwhile."""
    ended = world.ended
    timer = world.later(seconds, lambda: settle(ended))
    world.loop.run_until_complete(world.ended)
    timer.cancel()
    if world.violations:
        return False
    world.ended = world.loop.create_future()
    return True


def _heal(world: World) -> bool:
    """Everything ends."""
    operator = Operator(world)
    deadline = world.time() + HEAL_SECONDS
    before: object = None
    moved = world.time()
    over = 0.0
    while world.time() < min(deadline, moved + STILL_SECONDS):
        if not _pass(world, LOOK_SECONDS):
            return False
        serving = [machine for machine in world.machines if machine.serving_now]
        rows = operator.look(serving[0]) if serving else []
        waited_for = rows or world.clients.waiting or world.subscriptions.behind
        if serving and serving[0].serving_now and not waited_for:
            over = over or world.time()
            if world.time() >= over + UPKEEP_SECONDS:
                return True
        else:
            over = 0.0
        stands = [(row.invocation.id, len(world.history.invocations[row.invocation.id].entries)) for row in rows]
        if stands != before:
            before, moved = stands, world.time()
    world.violated("L1 liveness", _stuck(world))
    return False


def _stuck(world: World) -> str:
    serving = [machine for machine in world.machines if machine.serving_now]
    if not serving:
        return "no node serves"
    node = serving[0].node
    rows = [row for row in node.open_rows().invocations(None) if row.status is not None]
    lines = [f"{row.invocation.target} {row.invocation.id.hex()[-12:]} {row.status}" for row in rows]
    lines += [f"client {client.request.number} ({client.request.kind})" for client in world.clients.waiting]
    return f"nothing moves at {world.time():.0f} s: " + "; ".join(lines[:10])


def _close(world: World) -> None:
    world.faulty = False
    for machine in world.machines:
        machine.end()
    for host in world.hosts:
        host.end()
    world.loop.run_for(0)
    world.loop.close()
