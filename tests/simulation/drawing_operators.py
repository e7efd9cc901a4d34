"""What operators do, drawn: edits of state, settings of services, deployments that come, move and go."""

from __future__ import annotations

import random
from typing import Any, Final

from odradek_engine.model.commands import KEEP, LATEST
from simulation.drawing_programs import SLOTS
from simulation.plan import Request, Setting

DEPLOYMENTS: Final = ("dp_one", "dp_two")
VERSIONS: Final = (5, 6, 6, 7, 7)
MOVES_MAX: Final = 3
RETENTIONS_MS: Final = (0, 500, 4_000)
TIMEOUTS_MS: Final = (0, 100, 2_000)
INDICES_MAX: Final = 8


def draw_edit(chance: random.Random, number: int) -> dict[str, Any]:
    """A whole state, each value of which tells whose it is; for any state before it, for what is there now, or none."""
    slots = chance.sample(SLOTS, k=chance.choice((0, 1, 1, 2)))
    return {"state": dict.fromkeys(slots, f"edit {number}"), "of": chance.choice(("any", "any", "now", "none"))}


def draw_configuration(chance: random.Random) -> tuple[str, dict[str, Any]]:
    """A service, and settings of it."""
    settings: dict[str, Any] = {"public": chance.random() < 0.5}
    for name in ("idempotency_retention", "journal_retention"):
        if chance.random() < 0.4:
            settings[name] = chance.choice(RETENTIONS_MS)
    for name in ("inactivity_timeout", "abort_timeout"):
        if chance.random() < 0.4:
            settings[name] = chance.choice(TIMEOUTS_MS)
    if chance.random() < 0.2:
        settings["workflow_completion_retention"] = chance.choice(RETENTIONS_MS)
    return chance.choice(("Actor", "Shy", "Task", "Flow", "Sink", "Nothing")), settings


def draw_where(chance: random.Random) -> str:
    """On which deployment an invocation goes on."""
    return chance.choice((KEEP, KEEP, LATEST, *DEPLOYMENTS))


def draw_restart(chance: random.Random) -> dict[str, Any]:
    """With how much of the journal an invocation begins anew, and where."""
    last_index = chance.choice((0, 0, chance.randint(1, INDICES_MAX)))
    return {"last index": last_index, "deployment": chance.choice((KEEP, LATEST, LATEST, *DEPLOYMENTS))}


def draw_deployments(chance: random.Random, setting: Setting, number: int) -> list[Request]:
    """Registered, perhaps replaced, moved to another host, or taken away."""
    if not setting.hosts:
        return []
    first = Request(number, chance.uniform(0.0, setting.seconds / 2), "register", body=_deployment(chance, setting))
    requests = [first]
    for further in range(1, 1 + chance.randint(0, MOVES_MAX)):
        at = chance.uniform(first.at, setting.seconds)
        kind = chance.choice(("register", "register", "move", "drain"))
        requests.append(
            Request(number + further, at, kind, chance.randrange(setting.nodes), body=_deployment(chance, setting))
        )
    return requests


def _deployment(chance: random.Random, setting: Setting) -> dict[str, Any]:
    return {
        "id": chance.choice(DEPLOYMENTS),
        "host": chance.randrange(setting.hosts),
        "duplex": chance.random() < 0.75,
        "version": chance.choice(VERSIONS),
        "overwrite": chance.random() < 0.5,
    }
