"""A plan from a seed: what is asked, and what goes wrong.

Small numbers meet often: few keys, few nodes, everything at once. The mixture differs from seed to seed, so that each
run dwells on some corner.
"""

from __future__ import annotations

import random
from typing import Final

from odradek_engine.log.simulated_cluster import Faults
from simulation.crash_points import POINTS
from simulation.drawing_motifs import draw_interruption, draw_motifs
from simulation.drawing_operators import draw_configuration, draw_deployments, draw_edit, draw_restart, draw_where
from simulation.drawing_programs import Programs
from simulation.faults import CALM, PASSES_MAX
from simulation.plan import CrashAt, Fault, Plan, Request, Setting

CELLS: Final = ("a", "b")
REQUESTS: Final = (8, 40)
FAULTS: Final = (0, 9)
HITS_MAX: Final = 40
FLOWS: Final = ("f", "g")
CLUSTERS: Final = ("near", "far")
_ABOUT_ALL: Final = ("attach", "output", "cancel", "kill", "again")
_ABOUT_SOME: Final = ("pause", "resume", "purge", "purge journal", "signal", "restart", "restart")
_CONTROLS: Final = (*_ABOUT_ALL, *_ABOUT_SOME)


def draw_plan(seed: int) -> Plan:
    """The plan of a seed."""
    chance = random.Random(f"plan {seed}")
    setting = _draw_setting(chance, seed)
    requests = _draw_requests(chance, setting)
    faults, crashes = _draw_faults(chance, setting), _draw_crashes(chance, setting)
    further_requests, further_faults = draw_interruption(chance, setting, len(requests) + 1)
    return Plan(
        setting,
        tuple(sorted((*requests, *further_requests), key=lambda request: request.at)),
        tuple(sorted((*faults, *further_faults), key=lambda fault: fault.at)),
        crashes,
    )


def _draw_setting(chance: random.Random, seed: int) -> Setting:
    shared = chance.random() < 0.7
    return Setting(
        seed=seed,
        nodes=chance.choice((1, 2, 3)) if shared else 1,
        partitions=chance.choice((1, 2, 2, 3)),
        shared=shared,
        careless=shared and chance.random() < 0.5,
        shuffled=chance.random() < 0.8,
        one_entry_a_record=chance.random() < 0.3,
        slots=chance.choice((1000, 1000, 3)),
        eager_state_bytes=chance.choice((1 << 20, 30)),
        retained_bytes=chance.choice((1 << 28, 1 << 28, 6_000)),
        seconds=chance.uniform(3.0, 9.0),
        log=chance.choice((CALM, CALM, _weather(chance))),
        handler_faults=chance.choice((0.0, 0.0, 0.2)),
        hosts=chance.choice((0, 0, 0, 1, 2)),
        network_faults=chance.choice((0.0, 0.1, 0.3)),
    )


def _weather(chance: random.Random) -> Faults:
    return Faults(
        delay_ms=(0.1, chance.choice((2.0, 30.0))),
        slow=chance.choice((0.0, 0.1)),
        slow_ms=(50.0, 800.0),
        error=chance.choice((0.0, 0.01, 0.1)),
        written_in_spite=chance.choice((0.2, 0.8)),
        late_ms=(0.0, chance.choice((100.0, 5_000.0))),
        doubled=chance.choice((0.0, 0.1)),
    )


# --- requests ---


def _draw_requests(chance: random.Random, setting: Setting) -> list[Request]:
    programs = Programs(chance)
    count = chance.randint(*REQUESTS)
    kinds = chance.choices(("cell", "program", "control", "produce", "flow"), k=6)
    kinds += chance.choices(("edit", "configure", "control"), k=2)
    requests: list[Request] = []
    for number in range(1, count + 1):
        at = chance.uniform(0.0, setting.seconds)
        node = chance.randrange(setting.nodes)
        patience = chance.choice((0.3, 1.0, 3.0))
        tries = 1 if chance.random() < 0.1 else 1000
        kind = chance.choice(kinds) if requests else "program"
        request = Request(number, at, "", node, patience=patience, tries=tries)
        requests.append(_DRAW[kind](chance, programs, requests, request))
    requests += draw_deployments(chance, setting, len(requests) + 1)
    requests += draw_motifs(chance, setting, len(requests) + 1)
    return requests


def _with(request: Request, **changes: object) -> Request:
    from msgspec.structs import replace

    return replace(request, **changes)


def _cell(chance: random.Random, _programs: Programs, before: list[Request], request: Request) -> Request:
    handler = chance.choice(("write", "add", "add", "read", "read", "state"))
    if handler == "state":
        calls = [other for other in before if other.service == "Cell" and other.handler in ("write", "add")]
        if calls and chance.random() < 0.7:
            call = chance.choice(calls)
            return _with(request, kind="state", service="Cell", key=call.key, subject=call.number)
        return _with(request, kind="state", service=chance.choice(("Cell", "Actor")), key=chance.choice(CELLS))
    body = None if handler == "read" else chance.randint(1, 4) * (1 if handler == "add" else 100)
    key = chance.choice(CELLS)
    kind = "send" if chance.random() < 0.1 else "call"
    return _with(request, kind=kind, service="Cell", handler=handler, key=key, body=body)


def _program(chance: random.Random, programs: Programs, before: list[Request], request: Request) -> Request:
    service = chance.choice(("Actor", "Actor", "Actor/look", "Shy", "Task"))
    key = "" if service == "Task" else programs.key()
    program = programs.draw(f"r{request.number}", service)
    service, _, handler = service.partition("/")
    kind = chance.choice(("call", "call", "send"))
    delay = chance.randint(1, 3_000) if kind == "send" and chance.random() < 0.4 else None
    return _with(request, kind=kind, service=service, handler=handler or "run", key=key, body=program, delay_ms=delay)


def _flow(chance: random.Random, programs: Programs, before: list[Request], request: Request) -> Request:
    key = chance.choice(FLOWS)
    if chance.random() < 0.5:
        kind = chance.choice(("call", "send"))
        program = programs.draw(f"flow {key}", "Flow")
        return _with(request, kind=kind, service="Flow", handler="run", key=key, body=program)
    code = chance.choice((None, None, 418))
    body = [programs.promise(), request.number, code]
    return _with(request, kind="call", service="Flow", handler="answer", key=key, body=body)


def _control(chance: random.Random, programs: Programs, before: list[Request], request: Request) -> Request:
    subjects = [other for other in before if other.service not in ("", "Cell") and other.kind in ("call", "send")]
    if not subjects:
        return _program(chance, programs, before, request)
    subject = chance.choice(subjects)
    kind = chance.choice(_CONTROLS)
    at = min(subject.at + chance.expovariate(1.0), subject.at + 6.0)
    if kind == "again" and subject.handler != "run":
        kind = "attach"
    if kind == "again" and subject.service == "Flow":
        kind = "output"
    if kind == "again":
        return _with(subject, number=request.number, at=at, kind="again", subject=subject.number, delay_ms=None)
    body: object = None
    match kind:
        case "signal":
            body = [chance.choice((17, 17, 18, "go")), request.number]
        case "resume":
            body = draw_where(chance)
        case "restart":
            body = draw_restart(chance)
    return _with(request, at=at, kind=kind, subject=subject.number, body=body)


def _produce(chance: random.Random, programs: Programs, before: list[Request], request: Request) -> Request:
    keys = ("a", "b", "\xff\xfe", None)
    records = [
        [chance.randrange(2), chance.choice(keys), chance.choice((f"{request.number}.{at}", "\xff", None, ""))]
        for at in range(chance.randint(1, 8))
    ]
    return _with(request, kind="produce", body=records)


def _edit(chance: random.Random, programs: Programs, before: list[Request], request: Request) -> Request:
    service = chance.choice(("Actor", "Actor", "Shy"))
    return _with(request, kind="edit", service=service, key=programs.key(), body=draw_edit(chance, request.number))


def _configure(chance: random.Random, programs: Programs, before: list[Request], request: Request) -> Request:
    if chance.random() < 0.2:
        kind = chance.choice(("add cluster", "drop cluster"))
        return _with(request, kind=kind, body={"name": chance.choice(CLUSTERS), "force": chance.random() < 0.5})
    service, settings = draw_configuration(chance)
    return _with(request, kind="configure", service=service, body=settings)


_DRAW: Final = {
    "cell": _cell,
    "program": _program,
    "control": _control,
    "produce": _produce,
    "flow": _flow,
    "edit": _edit,
    "configure": _configure,
}


# --- faults ---


def _draw_faults(chance: random.Random, setting: Setting) -> list[Fault]:
    kinds = ["crash", "crash", "power", "storm", "jump", "drift", "wobble", "sync", "stop"]
    if setting.shared:
        kinds += ["lose disk", "freeze", "flip"]
    if setting.hosts:
        kinds += ["host dies"] * 2
    if setting.nodes > 1:
        kinds += ["propose"] * 4 + ["freeze"] * 2
    loved = chance.sample(kinds, k=min(len(kinds), chance.randint(1, 6)))
    faults = []
    for _ in range(chance.randint(*FAULTS)):
        kind = chance.choice(loved)
        at = chance.uniform(0.0, setting.seconds)
        faults.append(Fault(at, kind, chance.randrange(setting.nodes), _amount(chance, kind)))
    return faults


def _amount(chance: random.Random, kind: str) -> float:
    match kind:
        case "crash" | "power":
            return float(chance.randint(0, PASSES_MAX))
        case "flip" | "host dies":
            return float(chance.randint(0, 1000))
        case "freeze":
            return chance.choice((0.3, 2.0, 7.0))
        case "jump":
            return chance.choice((-3_600.0, -2.0, 2.0, 3_600.0))
        case "drift":
            return chance.choice((-0.01, 0.01, 0.0005))
        case "wobble":
            return chance.uniform(0.5, 3.0)
        case "storm":
            return chance.uniform(0.2, 3.0)
    return 0.0


def _draw_crashes(chance: random.Random, setting: Setting) -> tuple[CrashAt, ...]:
    """None, one, or several, of which the second often hits the recovery from the first."""
    crashes = []
    for _ in range(chance.choice((0, 0, 1, 2, 2, 4))):
        hit = chance.randint(1, HITS_MAX) if chance.random() < 0.7 else chance.randint(1, 400)
        crashes.append(CrashAt(chance.choice(POINTS), hit, chance.random() < 0.3))
    return tuple(crashes)
