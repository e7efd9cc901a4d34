"""Programs for handlers, drawn: each operation with small numbers, so that they meet on the same keys."""

from __future__ import annotations

import random
from typing import Any, Final

from simulation.plan import Program

KEYS: Final = ("a", "b", "c")
SLOTS: Final = ("x", "y")
PROMISES: Final = ("left", "right")
DEPTH_MAX: Final = 2
OPERATIONS_MAX: Final = 5
WAITS_MS: Final = (0, 1, 30, 300, 1_000, 2_500)
CODES: Final = (None, None, None, 400, 418)


class Programs:
    """Draws programs; `named` gives each its own name, which its places carry."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._loved = chance.sample(sorted(_DRAW), k=chance.randint(4, len(_DRAW)))

    def key(self) -> str:
        """Of an object."""
        return self._chance.choice(KEYS)

    def promise(self) -> str:
        """A promise's name."""
        return self._chance.choice(PROMISES)

    def draw(self, name: str, service: str, depth: int = 0) -> Program:
        """A program for a handler of this service."""
        count = self._chance.randint(0, OPERATIONS_MAX - depth)
        return {"id": name, "ops": [self._operation(f"{name}.{at}", service, depth) for at in range(count)]}

    def _operation(self, name: str, service: str, depth: int) -> list[Any]:
        kind = self._chance.choice(self._loved)
        stateful = service in ("Actor", "Shy", "Flow")
        if kind in _STATEFUL and not stateful:
            kind = "step"
        if kind == "change" and not stateful:
            kind = "stumble"
        if kind in _FLOW and service != "Flow":
            kind = "sleep"
        if kind in _DEEPER and depth >= DEPTH_MAX:
            kind = "tell"
        operation: list[Any] = _DRAW[kind](self, self._chance, name, depth)
        return operation

    def _called(self, name: str, depth: int) -> list[Any]:
        """Service, key and program."""
        service = self._chance.choice(("Actor", "Actor", "Actor/look", "Shy", "Task"))
        return [service, self.key(), self.draw(f"{name}p", service, depth + 1)]


def _step(_p: Programs, chance: random.Random, _name: str, _depth: int) -> list[Any]:
    return ["step", chance.choice((0, 0, 0, 1, 3)), chance.choice(CODES)]


def _set(_p: Programs, chance: random.Random, name: str, _depth: int) -> list[Any]:
    return ["set", chance.choice(SLOTS), chance.choice((name, None, 1, "ä"))]


def _call(p: Programs, _chance: random.Random, name: str, depth: int) -> list[Any]:
    return ["call", *p._called(name, depth)]


def _send(p: Programs, chance: random.Random, name: str, depth: int) -> list[Any]:
    service = chance.choice(("Actor", "Shy", "Task"))
    return ["send", service, p.key(), p.draw(f"{name}p", service, depth + 1), chance.choice(WAITS_MS)]


def _gather(p: Programs, chance: random.Random, name: str, depth: int) -> list[Any]:
    branches: list[list[Any]] = []
    for at in range(chance.randint(1, 3)):
        match chance.choice(("step", "sleep", "call")):
            case "step":
                branches.append(["step", chance.choice((0, 1)), None])
            case "sleep":
                branches.append(["sleep", chance.choice(WAITS_MS)])
            case _:
                branches.append(["call", *p._called(f"{name}_{at}", depth)])
    return ["gather", branches]


_DRAW: Final[dict[str, Any]] = {
    "set": _set,
    "get": lambda _p, chance, _n, _d: ["get", chance.choice(SLOTS)],
    "clear": lambda _p, chance, _n, _d: ["clear", chance.choice(SLOTS)],
    "clear all": lambda *_: ["clear all"],
    "names": lambda *_: ["names"],
    "step": _step,
    "sleep": lambda _p, chance, _n, _d: ["sleep", chance.choice(WAITS_MS)],
    "race": lambda _p, chance, _n, _d: ["race", [chance.choice(WAITS_MS), chance.choice(WAITS_MS) + 500]],
    "gather": _gather,
    "call": _call,
    "send": _send,
    "call and cancel": lambda p, _c, name, depth: ["call and cancel", *p._called(name, depth)],
    "attach": lambda _p, chance, _n, _d: ["attach", chance.randint(1, 20)],
    "tell": lambda _p, chance, _n, _d: ["tell", chance.choices(KEYS, k=chance.randint(1, 4))],
    "awakeable": lambda _p, chance, _n, _d: ["awakeable", chance.choice((None, 500))],
    "signal": lambda *_: ["signal", "go"],
    "promise": lambda p, *_: ["promise", p.promise()],
    "peek": lambda p, *_: ["peek", p.promise()],
    "fail": lambda _p, chance, _n, _d: ["fail", chance.choice((400, 500))],
    "stumble": lambda _p, chance, _n, _d: ["stumble", chance.choice((1, 2, 8))],
    "call nobody": lambda _p, chance, _n, _d: ["call nobody", chance.choice((1, 2))],
    "hang": lambda *_: ["hang", 1],
    "change": lambda *_: ["change"],
}
_STATEFUL: Final = ("set", "get", "clear", "clear all", "names")
_FLOW: Final = ("promise", "peek")
_DEEPER: Final = ("call", "send", "gather", "call and cancel")
