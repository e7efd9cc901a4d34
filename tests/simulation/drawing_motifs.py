"""Short sequences that chance alone hardly ever draws: an old timer in a new life, a question about who waits."""

from __future__ import annotations

import random
from typing import Any, Final

from simulation.drawing_programs import KEYS
from simulation.plan import Fault, Request, Setting

OFTEN: Final = 0.12
_OPERATIONS: Final[tuple[list[Any], ...]] = (
    ["sleep", 1_000],
    ["sleep", 2_500],
    ["stumble", 2],
    ["awakeable", 500],
    ["step", 1, None],
)


def draw_motifs(chance: random.Random, setting: Setting, number: int) -> list[Request]:
    """Some, or none. `number`: of the first request."""
    requests: list[Request] = []
    for motif in (_live_again, _resume_while_backing_off, _ask_who_waits):
        if chance.random() < OFTEN:
            requests += motif(chance, chance.uniform(0.0, setting.seconds / 2), number + len(requests))
    return requests


def draw_interruption(chance: random.Random, setting: Setting, number: int) -> tuple[list[Request], list[Fault]]:
    """Messages between partitions are under way, several of them, when the nodes die. Or nothing."""
    if setting.partitions == 1 or chance.random() >= OFTEN:
        return [], []
    at = chance.uniform(0.2, setting.seconds * 0.8)
    requests = [
        Request(
            number + n, at, "send", 0, "Actor", "run", key, {"id": f"r{number + n}", "ops": [["tell", [*KEYS, *KEYS]]]}
        )
        for n, key in enumerate(KEYS)
    ]
    end = at + chance.uniform(0.0, 0.04)
    return requests, [Fault(end, chance.choice(("crash", "power")), node) for node in range(setting.nodes)]


def _live_again(chance: random.Random, at: float, number: int) -> list[Request]:
    """What waits for its time is dropped, and asked for again without a delay: the first life's timer is still set."""
    service = chance.choice(("Actor", "Actor", "Shy", "Task"))
    key = "" if service == "Task" else chance.choice(KEYS)
    body = {"id": f"r{number + 1}", "ops": [list(one) for one in chance.choices(_OPERATIONS, k=2)]}
    blocker = {"id": f"r{number}", "ops": [["sleep", chance.choice((0, 2_500))]]}
    delay = chance.randint(500, 2_500)
    dropped, again = sorted(chance.uniform(0.0, delay / 1_000) for _ in range(2))
    requests = [
        Request(number, at, "send", 0, service, "run", key, blocker),
        Request(number + 1, at, "send", 0, service, "run", key, body, delay_ms=delay),
        Request(number + 2, at + dropped, chance.choice(("kill", "cancel")), subject=number + 1),
        Request(number + 3, at + again, "again", 0, service, "run", key, body, subject=number + 1),
    ]
    if chance.random() < 0.4:
        requests.append(Request(number + 4, at + again + chance.uniform(0.0, 1.0), "pause", subject=number + 3))
    return requests


def _resume_while_backing_off(chance: random.Random, at: float, number: int) -> list[Request]:
    """The timer of the next try is still set when somebody starts that try, and when it waits for something."""
    failures = chance.randint(3, 5)
    body = {"id": f"r{number + 1}", "ops": [["stumble", failures], ["sleep", 2_500]]}
    failed = 0.05 * (2**failures - 1)
    return [
        Request(number, at, "configure", service="Task", body={"inactivity_timeout": 0}),
        Request(number + 1, at + 0.1, "call", 0, "Task", "run", "", body),
        Request(number + 2, at + 0.1 + failed * chance.uniform(0.8, 1.2), "resume", subject=number + 1),
    ]


def _ask_who_waits(chance: random.Random, at: float, number: int) -> list[Request]:
    """A handler asks for the result of one that waits: for its time, its object, its next try, a person, an answer."""
    state = chance.choice(("scheduled", "inboxed", "backing off", "paused", "suspended"))
    key = chance.choice(KEYS)
    waits = {"backing off": ["stumble", 5], "suspended": ["awakeable", None]}.get(state, ["sleep", 2_500])
    blocker = {"id": f"r{number}", "ops": [["sleep", 2_500]] if state == "inboxed" else []}
    asked = {"id": f"r{number + 1}", "ops": [waits]}
    asking = {"id": f"r{number + 2}", "ops": [["attach", number + 1]]}
    delay = 2_000 if state == "scheduled" else None
    requests = [
        Request(number, at, "send", 0, "Actor", "run", key, blocker),
        Request(number + 1, at + 0.02, "send", 0, "Actor", "run", key, asked, delay_ms=delay),
        Request(number + 2, at + chance.uniform(0.1, 1.8), "send", 0, "Task", "run", "", asking),
    ]
    if state == "paused":
        requests.append(Request(number + 3, at + 0.1, "pause", subject=number + 1))
    return requests
