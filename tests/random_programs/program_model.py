"""What a program means: its plain interpretation, in memory, one thing after the other.

Programs are made so that their outcome does not depend on the order in which concurrent ones run: state that is read
back has the program's own name, what is shared is counted or appended to.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from program_handlers import PROMISES, Program

Object = tuple[str, str]
KILLED = ["error", 409, "killed"]
CANCELLED = ["error", 409, "cancelled"]
SECOND_ANSWER = ["error", 409, "promise was already completed"]


class Failed(Exception):
    """A program ends with a terminal error."""

    def __init__(self, code: int, message: str = "failed") -> None:
        super().__init__(code, message)
        self.outcome = ["error", code, message]


class Killed(Exception):
    """A program is killed, and with it all that wait for it."""


class Model:
    """State as it must be in the end. An object is a service and a key.

    `ended_by`: how a program ends that waits for ever, "cancel" or "kill".
    """

    def __init__(self, ended_by: str = "cancel") -> None:
        self._ended_by = ended_by
        self.state: dict[Object, dict[str, Any]] = defaultdict(dict)
        self.kept: dict[str, Any] = {}
        self.items: Counter[tuple[str, str, int]] = Counter()
        """What was appended where: key, sender, number."""
        self._promises: dict[Object, dict[str, Any]] = {}

    def run(self, it: Object, program: Program) -> Any:
        """The outcome of a program as its caller sees it; `it`: whose state it uses."""
        try:
            return [
                getattr(self, f"_{name.replace(' ', '_')}")(it, f"{program['id']}.{number}", *arguments)
                for number, (name, *arguments) in enumerate(program["ops"])
            ]
        except Failed as failed:
            return failed.outcome

    def _set(self, it: Object, place: str, slot: str, value: Any) -> None:
        self.state[it][f"{_program_of(place)} {slot}"] = value

    def _get(self, it: Object, place: str, slot: str) -> Any:
        return self.state[it].get(f"{_program_of(place)} {slot}")

    def _clear(self, it: Object, place: str, slot: str) -> None:
        self.state[it].pop(f"{_program_of(place)} {slot}", None)

    def _clear_all(self, it: Object, _place: str) -> list[str]:
        self.state[it].clear()
        return []

    def _names(self, it: Object, place: str) -> list[str]:
        return sorted(name for name in self.state[it] if name.startswith(f"{_program_of(place)} "))

    def _count(self, it: Object, _place: str, amount: int) -> None:
        self.state[it]["count"] = self.state[it].get("count", 0) + amount

    def _step(self, _it: Object, _place: str, kind: str, _failures: int, _asynchronous: bool) -> Any:
        match kind:
            case "hopeless" | "brief":
                return ["error", 500, "RuntimeError('for now')"]
            case "terminal":
                return ["error", 418, "for good"]
        return "done"

    def _sleep(self, _it: Object, _place: str, _seconds: int) -> None:
        return None

    def _call(self, _it: Object, _place: str, target: str, key: str, program: Program) -> Any:
        return self.run(("Thing", program["id"] if target == "own" else key), program)

    def _call_twice(self, _it: Object, _place: str, program: Program) -> list[Any]:
        return [self.run(("Thing", ""), program)] * 2

    def _send(self, it: Object, place: str, target: str, key: str, program: Program, _delay: int) -> None:
        self.kept[program["id"]] = self._call(it, place, target, key, program)

    def _send_twice(self, it: Object, place: str, target: str, key: str, program: Program, _delay: int) -> bool:
        self.kept[program["id"]] = self._call(it, place, target, key, program)
        return True

    def _send_items(self, _it: Object, place: str, keys: list[str]) -> None:
        for number, key in enumerate(keys):
            self.items[key, place, number] += 1

    def _gather(self, it: Object, place: str, _how: str, branches: list[list[Any]]) -> list[Any]:
        return [getattr(self, f"_{name}")(it, place, *arguments) for name, *arguments in branches]

    def _race(self, _it: Object, _place: str, seconds: list[int]) -> str:
        return f"after {min(seconds)}"

    def _awakeable(self, _it: Object, _place: str, value: Any, code: int | None, _delay: int) -> Any:
        return _answered(value, code)

    def _signal(self, _it: Object, _place: str, _name: str, value: Any, code: int | None, _delay: int) -> Any:
        return _answered(value, code)

    def _own_signals(self, _it: Object, _place: str, values: list[Any]) -> list[Any]:
        return values

    def _attach(self, _it: Object, _place: str, key: str, program: Program) -> Any:
        return self.run(("Thing", key), program)

    def _flow(self, _it: Object, place: str, program: Program, answers: list[list[Any]]) -> Any:
        promises: dict[str, Any] = {}
        for name, value, code, _ in answers:
            if name in promises:
                self.kept[f"{place} {name} refused"] = SECOND_ANSWER
            else:
                promises[name] = _answered(value, code)
                self.kept[f"{place} {name} taken"] = None
        it = ("Flow", place)
        self._promises[it] = promises
        outcome = self.run(it, program)
        second = ["error", 409]
        if outcome[:1] == ["error"]:
            return [outcome, second]
        return [outcome, second, [promises[name] for name in PROMISES]]

    def _promise(self, it: Object, _place: str, name: str) -> Any:
        return [self._promises[it][name]] * 2

    def _cancel(self, _it: Object, place: str, called: bool) -> Any:
        self.kept[place] = 409
        return CANCELLED if called else None

    def _call_endless(self, _it: Object, _place: str, key: str, program: Program) -> Any:
        """The caller is cancelled first, and does not wait for what its callee makes of it."""
        self.run(("Thing", key), program)
        return CANCELLED

    def _wait_for_ever(self, _it: Object, _place: str) -> None:
        if self._ended_by == "kill":
            raise Killed
        raise Failed(409, "cancelled")

    def _fail(self, _it: Object, _place: str, code: int) -> None:
        raise Failed(code)

    def _stumble(self, _it: Object, _place: str, _times: int) -> None:
        return None


def _program_of(place: str) -> str:
    return place.rsplit(".", 1)[0]


def _answered(value: Any, code: int | None) -> Any:
    return value if code is None else ["error", code, f"rejected {value}"]
